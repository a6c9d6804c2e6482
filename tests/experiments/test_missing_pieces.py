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
