"""The bar above the canvas: what it asks stands until it is answered."""

from dataclasses import replace

from engine.api import TEMPLATES
from tests.engine.test_run_store import checkpoint, fresh_run, recorded, steps
from workbench.message_bar import MessageBar
from workbench.recovered_runs import offer_recovered


def test_that_a_question_comes_back_after_what_is_told_meanwhile(qtbot):
    bar = MessageBar()
    qtbot.addWidget(bar)
    answers = []
    bar.ask("run", "Open the run?", {"Open": lambda: answers.append("open")})
    bar.show_message("The clipboard is empty.")
    assert (bar.text, bar.buttons) == ("The clipboard is empty.", ())
    bar.dismiss()
    assert bar.text == "Open the run?"
    bar.dismiss()
    assert bar.text == "Open the run?"
    bar.buttons[0].click()
    assert (answers, bar.text) == (["open"], "")


def test_that_questions_wait_for_each_other_and_for_what_is_told(qtbot):
    bar = MessageBar()
    qtbot.addWidget(bar)
    bar.show_message("Something is told.")
    bar.ask("run", "Open the run?", {"Open": list})
    bar.ask("queue", "Queue three?", {"Queue": list})
    bar.ask("queue", "Queue two?", {"Queue": list})
    assert bar.text == "Something is told."
    bar.dismiss()
    assert bar.text == "Open the run?"
    bar._close.click()
    assert bar.text == "Queue two?"
    bar.withdraw("queue")
    assert bar.text == ""


def test_that_an_answer_may_ask_again(qtbot):
    bar = MessageBar()
    qtbot.addWidget(bar)
    bar.ask("run", "Open the first?", {"Forget": lambda: bar.ask("run", "Open the second?", {"Open": list})})
    bar.buttons[0].click()
    assert bar.text == "Open the second?"


def test_that_opening_a_project_leaves_the_offer_of_a_lost_training(window):
    window.messages.ask("recovered", "A training was not saved.", {"Open it": list})
    window.files.new_from("mnist-sample")
    assert window.document.project.graph == TEMPLATES["mnist-sample"].build().graph
    assert window.messages.text == "A training was not saved."


def test_that_the_offer_of_a_lost_training_tells_where_it_goes_on(window):
    run = recorded(fresh_run(), [steps(1, 14)], checkpoint(10))
    offer_recovered(window.messages, window.files, [run])
    assert "14 steps are recorded, and it can go on after step 10" in window.messages.text
    offer_recovered(window.messages, window.files, [replace(run, checkpoint=checkpoint(14))])
    assert window.messages.text.endswith("its 14 steps were kept.")
