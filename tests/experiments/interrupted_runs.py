"""A run that is stopped in the middle and keeps its checkpoints in memory."""

from feedback_alignment.companion.monitor import Quiet


class StoppedError(Exception):
    pass


class Watch(Quiet):
    """Keeps the states of all stages in `states` and stops after `stop` pieces or steps of all of them together."""

    def __init__(self, states, stop=None):
        super().__init__()
        self.states, self.left, self.begun = states, stop, []

    def begin(self, label, total, done):
        self.begun.append((label, total - done))

    def patience(self):
        return 1

    def checkpoint_due(self):
        if self.left is not None:
            self.left -= 1
        return self.left == 0

    def advance(self, steps=1):
        if self.left == 0:
            raise StoppedError

    def checkpoint(self, stage):
        watch = self

        class Kept:
            def read(self):
                return watch.states.get(stage)

            def write(self, state):
                watch.states[stage] = {name: values.copy() for name, values in state.items()}

        return Kept()
