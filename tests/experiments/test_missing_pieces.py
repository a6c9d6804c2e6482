from dataclasses import dataclass

from feedback_alignment.experiments.missing_pieces import missing


@dataclass(frozen=True)
class Piece:
    name: str
    width: int = 0


LITTLE, WIDE, WIDER = Piece("little"), Piece("wide", 10), Piece("wide", 20)
GROUPS = {"of one sort": [LITTLE], "of another": [LITTLE, WIDE, WIDER]}


def test_what_is_there_is_not_missing():
    assert missing(GROUPS, [LITTLE, WIDE, WIDER], "pieces") == []


def test_what_is_missing_is_named_unless_it_is_all_of_its_group():
    assert missing(GROUPS, [WIDE], "pieces") == [
        "1 of 1 pieces of one sort not there yet",
        "2 of 3 pieces of another not there yet (little; wide)",
    ]


def test_pieces_of_one_name_are_counted():
    assert missing(GROUPS, [LITTLE], "networks") == ["2 of 3 networks of another not there yet (2 × wide)"]


def test_of_many_that_are_missing_some_are_named_and_the_rest_counted():
    many = [Piece(f"number {index}") for index in range(7)]
    for absent, names in (
        (4, "number 0; number 1; number 2; number 3"),
        (5, "number 0; number 1; number 2; and 2 more"),
        (6, "number 0; number 1; number 2; and 3 more"),
    ):
        assert missing({"of all": many}, many[absent:], "pieces") == [
            f"{absent} of 7 pieces of all not there yet ({names})"
        ]
