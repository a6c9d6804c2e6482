"""Faults to plant in src/, one at a time, each with the tests that ought to notice it.

Signs, factors, indices, transposes, steps in time, layers: what a slip of the pen in this code would look like. The
tests are those of the module alone, everyday ones, and quick; that others would notice as well does not count.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """A text that stands once in a file below src/feedback_alignment, what takes its place, and pytest's words."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]


INTEGRALS = ("tests/teacher_student/test_integrals.py", "-k", "erf and (smooth or coincidence)")
MOTION = ("tests/teacher_student/test_equations_of_motion.py", "-k", "erf and (printed or averages)")
SOLVER = ("tests/teacher_student/test_solver.py", "-k", "states_it_holds")
STATES = ("tests/teacher_student/test_order_parameters.py", "-k", "law or rotating or (definition and erf)")
FIXED = ("tests/teacher_student/test_fixed_points.py", "-k", "any_number or jacobian or perfect_students")
STEPS = ("tests/teacher_student/test_simulation_steps.py", "-k", "definition and direct and dfa and erf")
ALIGNMENT = ("tests/deep_linear/test_alignment.py",)
PAPERS_FORM = ("tests/deep_linear/test_alignment.py", "-k", "papers_form or symmetric_part")
LINEAR_OBSERVABLES = ("tests/deep_linear/test_deep_linear_observables.py",)
LINEAR_TRAINING = ("tests/deep_linear/test_deep_linear_training.py",)
FLOW = ("tests/deep_linear/test_gradient_flow.py",)
CONVOLUTION = ("tests/deep_linear/test_convolution.py",)
RULES = ("tests/networks/test_rules.py", "-k", "not autograd")
SIGNALS = ("tests/networks/test_signals_of_one_layer.py",)
LOSSES = ("tests/networks/test_losses.py",)
SIMILARITY = ("tests/networks/test_similarity.py",)
NOISE = ("tests/networks/test_label_noise.py",)
PERTURBATION = ("tests/networks/test_perturbation.py",)
OBSERVABLES = ("tests/networks/test_observables.py",)
WEIGHTS = ("tests/networks/test_weight_alignment_of_ensembles.py",)
INITIAL = ("tests/networks/test_initialisation.py",)
FEEDBACK = ("tests/networks/test_feedback.py",)
ORTHONORMAL = ("tests/networks/test_feedback.py", "-k", "orthonormal")
TRAINING = ("tests/networks/test_training.py", "-k", "latest or stopped or scale or exactly")
TURNED = ("tests/networks/test_turned_feedback.py",)
FILTERS = ("tests/networks/test_convolution_alignment.py",)
IMAGES = ("tests/networks/test_image_files.py",)
ONSETS = ("tests/experiments/test_onsets.py",)
MAXIMA = ("tests/experiments/test_maxima.py",)
CLAIMS = ("tests/companion/test_claims.py",)
CHANCE = ("tests/companion/test_chance.py",)
MERGING = ("tests/companion/test_merging.py",)
STORE = ("tests/companion/test_store.py", "-k", "stale or missing or whole or says_nothing")
STREAMS = ("tests/test_streams.py",)

PLANTED = (
    # Two-layer theory.
    Planted("teacher_student/erf_averages.py", "2 / pi * _arcsine(C[a, b]", "2 / pi**2 * _arcsine(C[a, b]", INTEGRALS),
    Planted("teacher_student/erf_averages.py", "- C[a, b] * C[a, c]) /", "+ C[a, b] * C[a, c]) /", INTEGRALS),
    Planted("teacher_student/erf_averages.py", "determinant, a, b, d, d)", "determinant, a, b, c, c)", INTEGRALS),
    Planted("teacher_student/erf_averages.py", "gated[k, j] -= C[k, j] *", "gated[k, j] += C[k, j] *", MOTION),
    Planted(
        "teacher_student/erf_averages.py", "(C[l, a] * kk - C[k, a] * kl)", "(C[l, a] * ll - C[k, a] * kl)", MOTION
    ),
    Planted("teacher_student/velocities.py", "feedback if len(feedback) > 0 else v[:K]", "v[:K]", MOTION),
    Planted("teacher_student/velocities.py", "eta**2 * F[k] * F[l]", "eta * F[k] * F[l]", MOTION),
    Planted("teacher_student/velocities.py", "F[l] * gated[l, k])", "F[l] * gated[k, l])", MOTION),
    Planted("teacher_student/velocities.py", "F[k] * gated[k, m]\n", "F[k] * gated[k, m - K]\n", MOTION),
    Planted("teacher_student/equations_of_motion.py", "self.shape[0]) / 2", "self.shape[0])", SOLVER),
    Planted(
        "teacher_student/order_parameters.py", "R=student @ teacher.T / N", "R=student @ teacher.T / N**0.5", STATES
    ),
    Planted("teacher_student/order_parameters.py", "chisquare(N - M - np", "chisquare(N - np", STATES),
    Planted(
        "teacher_student/order_parameters.py", "state.covariance, signed) / 2", "state.covariance, signed)", STATES
    ),
    Planted("teacher_student/fixed_points.py", "sqrt(M * (2 * M - 1))", "sqrt(K * (2 * K - 1))", FIXED),
    Planted("teacher_student/fixed_points.py", "W2=signs * M / K,", "W2=signs,", FIXED),
    Planted("teacher_student/fixed_points.py", "(8 * near - far)", "(8 * near + far)", FIXED),
    Planted("teacher_student/fixed_points.py", "W2=side * weights[order],", "W2=side * weights,", FIXED),
    Planted("teacher_student/direct_simulation.py", "eta / N * error * g[k]", "eta * error * g[k]", STEPS),
    Planted("teacher_student/direct_simulation.py", "error * feedback[k - M]", "error * W2[k - M]", STEPS),
    # Deep linear networks.
    Planted("deep_linear/alignment.py", "for t in range(1, len(h)):", "for t in range(2, len(h)):", ALIGNMENT),
    Planted(
        "deep_linear/alignment.py", "rate * training.signals_of(layer)[t] @", "rate * training.signals[t] @", ALIGNMENT
    ),
    Planted("deep_linear/alignment.py", "(eta / h.shape[2]) ** 2 *", "(eta / h.shape[2]) *", ALIGNMENT),
    Planted(
        "deep_linear/alignment.py",
        "before[1:] = np.cumsum(increments[-2], axis=0)[:-1]",
        "before[:] = np.cumsum(increments[-2], axis=0)",
        PAPERS_FORM,
    ),
    Planted("deep_linear/alignment.py", "return grown @ grown.T,", "return grown.T @ grown,", PAPERS_FORM),
    Planted("deep_linear/observables.py", "_cosine((F @ taught).T", "_cosine((F @ errors).T", LINEAR_OBSERVABLES),
    Planted("deep_linear/observables.py", "return 2 * sqrt(condition)", "return sqrt(condition)", LINEAR_OBSERVABLES),
    Planted("deep_linear/observables.py", "/ (n_L + 2)\n", "/ (n_L + 1)\n", LINEAR_OBSERVABLES),
    Planted("deep_linear/training.py", "taught = -y if", "taught = y if", LINEAR_TRAINING),
    Planted("deep_linear/gradient_flow.py", "/ (2**layers - 1)\n", "/ 2**layers\n", FLOW),
    Planted("deep_linear/convolution.py", "entries[o, k, a, b]", "entries[o, k, -1 - a, -1 - b]", CONVOLUTION),
    Planted("deep_linear/convolution.py", "self.padding <= i - k", "self.padding < i - k", CONVOLUTION),
    Planted(
        "deep_linear/convolution.py",
        "sums / np.maximum(places, 1)",
        "sums / np.sqrt(np.maximum(places, 1))",
        CONVOLUTION,
    ),
    # Trained networks.
    Planted("networks/rules.py", "return -layer.through_feedback", "return layer.through_feedback", RULES),
    Planted("networks/rules.py", "math.sqrt(W[0, 0].numel())", "math.sqrt(W[0].numel())", SIGNALS),
    Planted(
        "networks/rules.py",
        "[layer.layer - 1].teaching_signal(layer)",
        "[layer.layer - 2].teaching_signal(layer)",
        SIGNALS,
    ),
    Planted("networks/rules.py", "vectors @ F.mT * self.feedback_scale", "vectors @ F.mT", SIGNALS),
    Planted(
        "networks/losses.py", "torch.softmax(logits, dim=-1) - target", "target - torch.softmax(logits, dim=-1)", LOSSES
    ),
    Planted("networks/losses.py", ".square().sum(-1) / 2", ".square().sum(-1)", LOSSES),
    Planted("networks/similarity.py", "(norms[first] * norms[second])", "(norms[first] * norms[first])", SIMILARITY),
    Planted("networks/label_noise.py", "integers(0, classes, len", "integers(0, classes - 1, len", NOISE),
    Planted("networks/label_noise.py", "labels[generator.permutation(chosen)]", "labels[chosen]", NOISE),
    Planted("networks/perturbation.py", "(1 - cosine.square()).sqrt() * n", "(1 - cosine).sqrt() * n", PERTURBATION),
    Planted("networks/observables.py", "mean = cosines.nanmean(-1)", "mean = cosines.mean(-1)", OBSERVABLES),
    Planted(
        "networks/observables.py",
        "_both(ours.deltas[:-1], true.deltas[:-1])",
        "_both(ours.deltas[1:], true.deltas[1:])",
        OBSERVABLES,
    ),
    Planted("networks/observables.py", "- (first / samples).square()", "- first / samples", OBSERVABLES),
    Planted(
        "networks/weight_alignment.py",
        "feedback[below + 1] @ feedback[below].mT",
        "feedback[below] @ feedback[below + 1].mT",
        WEIGHTS,
    ),
    Planted("networks/weight_alignment.py", "F * F.shape[1] ** 0.5", "F * F.shape[2] ** 0.5", WEIGHTS),
    Planted("networks/initialisation.py", "math.sqrt(2 / fan_in", "math.sqrt(1 / fan_in", INITIAL),
    Planted("networks/initialisation.py", "math.prod(shape[1:])", "math.prod(shape[:-1])", INITIAL),
    Planted("networks/feedback.py", "else n * self.shape[1]) ** -0.5", "else n + self.shape[1]) ** -0.5", FEEDBACK),
    Planted("networks/feedback_distributions.py", "Q * np.sign(np.diag(R))", "Q", ORTHONORMAL),
    Planted("networks/turned_feedback.py", "W.mT @ products[0])", "W.mT @ products[-1])", TURNED),
    Planted(
        "networks/convolution_alignment.py", "(tied.square() / number)", "(tied.square() / number.square())", FILTERS
    ),
    Planted("networks/training.py", "divmod(step - 1, samples // batch)", "divmod(step, samples // batch)", TRAINING),
    Planted(
        "networks/training.py",
        "divergence, done))\n            progress",
        "divergence, done - ahead))\n            progress",
        TRAINING,
    ),
    Planted(
        "networks/image_files.py", "reshape(samples, 3, 32, 32)", "reshape(samples, 3, 32, 32).swapaxes(2, 3)", IMAGES
    ),
    # Claims and results.
    Planted("experiments/onsets.py", "before = after - 1", "before = max(0, after - 2)", ONSETS),
    Planted("experiments/maxima.py", "u[1] - first / (2 * second)", "u[1] + first / (2 * second)", MAXIMA),
    Planted(
        "companion/claims.py",
        "* self.measured.standard_error + self.tolerance.floor",
        "* self.measured.standard_error",
        CLAIMS,
    ),
    Planted("companion/claims.py", "x.std(ddof=1)", "x.std(ddof=0)", CLAIMS),
    Planted("companion/claims.py", "else high - value", "else value - high", CLAIMS),
    Planted("companion/chance.py", 'stdtr(claim["seeds"] - 1,', 'stdtr(claim["seeds"],', CHANCE),
    Planted("companion/merging.py", '"date": max(', '"date": min(', MERGING),
    Planted(
        "companion/store.py", "if found.get(key) != value]\n    if", "if found.get(key, value) != value]\n    if", STORE
    ),
    Planted("streams.py", "int(seed), len(encoded), *encoded", "int(seed), *encoded", STREAMS),
)
