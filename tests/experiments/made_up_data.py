"""Datasets made up for tests of claims: a record that says another scale, numbers put in or changed."""

import json

from feedback_alignment.companion import store


def with_record(dataset, **changes):
    """Return the dataset with changes in its provenance, such as `profile="paper"`."""
    return dataset.assign_attrs(provenance=json.dumps(store.provenance(dataset) | changes))


def put(name, value, **where):
    """Return a change of a dataset: it sets a variable, at `where` only."""

    def change(made):
        made[name].loc[where] = value

    return change


def add(name, amount, **where):
    """Return a change of a dataset: it adds to a variable, at `where` only."""

    def change(made):
        made[name].loc[where] = made[name].loc[where] + amount

    return change


def multiply(name, factor, **where):
    """Return a change of a dataset: it multiplies a variable, at `where` only."""

    def change(made):
        made[name].loc[where] = made[name].loc[where] * factor

    return change


def verdicts(experiment, dataset):
    """Return the verdict on each claim of a chapter's experiment by its key."""
    return {claim.key: claim.verdict for claim in experiment.claims(dataset)}


def check_that_wrong_inputs_turn_their_claims(experiment, agreeing, wrong):
    """Assert that all claims agree on a made-up dataset, and that each wrong input turns its claim and no other.

    `wrong` maps the key of every claim to a change of the dataset that contradicts it.
    """
    keys = [claim.key for claim in experiment.claims(agreeing)]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(wrong)
    assert set(verdicts(experiment, agreeing).values()) == {"agrees"}
    for key, change in wrong.items():
        made = agreeing.copy(deep=True)
        change(made)
        found = verdicts(experiment, made)
        assert found.pop(key) == "disagrees", key
        assert set(found.values()) == {"agrees"}, (key, found)
