"""What is looked for while the window already stands: devices, and runs that were never saved."""

from PySide6.QtCore import QThread, Signal

from engine.api import devices, forget_run, journal_folder, load_device_libraries, recover_runs


class StartSearch(QThread):
    """A GPU's library takes a second to load, and so may a large run: the window should not stand still meanwhile."""

    found_devices = Signal(object)
    """tuple of DeviceInfo."""
    found_runs = Signal(object)
    """list of Run, oldest first."""

    def run(self) -> None:
        """Report what there is."""
        self.found_devices.emit(devices())
        load_device_libraries()
        folder = journal_folder()
        found = recover_runs(folder)
        for run in found:
            if not run.step:
                # It ended before it had learned anything: nothing is lost with it.
                forget_run(folder, run.id)
        self.found_runs.emit([run for run in found if run.step])
