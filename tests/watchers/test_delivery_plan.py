import json

from hypothesis import given
from hypothesis import strategies as st

from rebounce.watchers.bounce import FINISHED, Stamp
from rebounce.watchers.delivery_plan import Move, Plan, plan_from

# As the file system names them: bytes that are no text are there as lone surrogates.
names = st.binary(min_size=1, max_size=20).map(lambda name: name.decode("utf-8", "surrogateescape"))
moves = st.builds(Move, source=names, target=names)
plans = st.builds(
    Plan,
    outcome=st.sampled_from(FINISHED),
    stamp=st.builds(Stamp, size=st.integers(0, 2**63 - 1), mtime_ns=st.integers(-(2**63), 2**63 - 1)),
    set_aside=st.lists(moves, max_size=3).map(tuple),
    publish=st.lists(moves, max_size=3).map(tuple),
    side=st.none() | moves,
    original=st.none() | moves,
    remove=st.lists(names, max_size=2).map(tuple),
)


@given(plan=plans)
def test_a_plan_comes_back_from_the_ledger_as_it_was(plan: Plan) -> None:
    assert plan_from(json.loads(json.dumps(plan.to_dict()))) == plan


@given(plan=plans)
def test_when_room_has_been_made_the_rest_of_the_plan_stays(plan: Plan) -> None:
    rest = plan.without_room()
    assert rest.set_aside == ()
    assert (rest.publish, rest.side, rest.original, rest.remove) == (
        plan.publish,
        plan.side,
        plan.original,
        plan.remove,
    )
    assert (rest.outcome, rest.stamp) == (plan.outcome, plan.stamp)


@given(plan=plans)
def test_everything_that_lies_staged_is_told(plan: Plan) -> None:
    sides = [] if plan.side is None else [plan.side.source]
    assert plan.staged == [move.source for move in plan.publish] + sides
