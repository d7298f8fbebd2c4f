from benchmarks import tables


def test_that_the_performance_page_is_what_the_committed_results_give():
    assert tables.PAGE.read_text("utf-8") == tables.page(), "run `python -m benchmarks.tables`"
