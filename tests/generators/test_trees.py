"""Trees as people edit them: text, JSON, ids that stay, shares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.generators import trees
from curation.generators.trees import Node, TreeError, from_json, from_nodes, parse, quotas, render, to_json, to_nodes

TEXT = """
finance: reading statements [#f1]
  sum up a report [x20]
  answer a question
law
    - contracts
    - torts
"""


def names(tree: trees.Tree) -> list[str]:
    return ["/".join(node.name for node in path) for path in trees.leaves(tree)]


def test_text_in_and_out() -> None:
    tree = parse(TEXT)
    assert names(tree) == ["finance/sum up a report", "finance/answer a question", "law/contracts", "law/torts"]
    assert tree[0].id == "f1"
    assert tree[0].note == "reading statements"
    assert tree[0].children[0].quota == 20
    assert parse(render(tree)) == tree == from_json(to_json(tree)) == from_nodes(to_nodes(tree))


def test_an_id_stays_when_a_name_changes_and_follows_from_the_place_where_there_is_none() -> None:
    tree = parse(TEXT)
    renamed = parse(render(tree).replace("contracts", "contracts and leases"))
    assert [node.id for node in renamed[1].children] == [node.id for node in tree[1].children]
    assert parse(TEXT) == tree  # new lines get the same id each time
    assert parse("law\n  torts")[0].children[0].id == tree[1].children[1].id


@pytest.mark.parametrize(
    ("raw", "shape"),
    [
        ('["a", "b"]', ["a", "b"]), ('{"a": ["b", "c"], "d": {"e": []}}', ["a/b", "a/c", "d/e"]),
        ('[{"name": "a", "children": [{"name": "b", "quota": 3}]}]', ["a/b"]),
    ],
)  # fmt: skip
def test_json_of_three_shapes(raw: str, shape: list[str]) -> None:
    assert names(parse(raw)) == shape


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "The tree", "empty"), ("a\na", "The tree", "'a' is there twice"), ("a\n  b\n  B ", "a", "'b' is there twice"),
        ("a [#x]\nb [#x]", "'a' and 'b'", "same id x"), ("a\n  [x3]", "Line 2", "no name"), ("{", "Line 1", "not JSON"),
        ('[{"name": "a", "quota": -1}]', "The tree", "quota -1"), ("[3]", "The tree", "3 is no topic"),
        ('[{"name": 3}]', "The tree", "no text"), ("x" * 201, "Line 1", "201 characters"),
        ("\n".join("  " * level + f"n{level}" for level in range(12)), "n8", "8 levels"),
        ('[{"name": "a", "card": 3}]', "The tree", "card is no object"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_names_the_place_and_the_mend(text: str, where: str, what: str) -> None:
    with pytest.raises(TreeError) as found:
        parse(text)
    assert found.value.where == where
    assert what in found.value.what
    assert found.value.mend


def test_a_flat_list_with_a_lost_parent_or_a_ring() -> None:
    nodes = to_nodes(parse(TEXT))
    from dataclasses import replace

    with pytest.raises(TreeError, match="is not there"):
        from_nodes([replace(nodes[1], parent="zz")])
    ring = [replace(nodes[0], parent=nodes[1].key), nodes[1]]
    with pytest.raises(TreeError):
        from_nodes([*ring, *nodes[3:]])


def test_shares_of_branches_differ_by_one_at_most() -> None:
    tree = parse("a\n  a1\n  a2\n  a3\nb\n  b1")
    found = quotas(tree, 7)
    assert list(found.values()) == [2, 1, 1, 3]  # 4 for a, 3 for b
    assert list(quotas(tree, 7, balance="leaves").values()) == [2, 2, 2, 1]


def test_a_share_that_the_tree_names_is_kept() -> None:
    tree = parse("a [x10]\n  a1\n  a2\nb\n  b1\n  b2 [x0]")
    assert list(quotas(tree, 14).values()) == [5, 5, 4, 0]
    assert list(quotas(tree, 3).values()) == [5, 5, 0, 0]


@given(
    st.integers(0, 200), st.lists(st.integers(1, 4), min_size=1, max_size=5), st.sampled_from(["branches", "leaves"])
)
def test_shares_sum_to_what_is_wanted(total: int, sizes: list[int], balance: str) -> None:
    tree = tuple(
        Node(f"r{r}", f"r{r}", children=tuple(Node(f"{r}.{c}", f"{r}.{c}") for c in range(n)))
        for r, n in enumerate(sizes)
    )
    assert sum(quotas(tree, total, balance=balance).values()) == total


def test_cards_outlive_an_edit_of_the_text() -> None:
    before = from_json([{"name": "a", "id": "1", "card": {"metric": "F1"}}])
    after = trees.with_cards(parse("better name [#1]\nnew"), before)
    assert after[0].card == {"metric": "F1"}
    assert after[1].card is None


def test_growing_skips_what_is_there() -> None:
    tree = trees.grown((), "", [("a", "n"), ("A ", ""), ("b", "")])
    assert [node.name for node in tree] == ["a", "b"]
    tree = trees.grown(tree, tree[0].id, [("c", "")])
    assert names(trees.grown(tree, tree[0].id, [("C", ""), ("d", "")])) == ["a/c", "a/d", "b"]
