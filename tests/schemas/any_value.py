"""A strategy that draws any value of a type, as JSON would hold it: each field, at its limits too."""

import base64
import string
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

_INT64 = 2**63
_CHARACTERS = st.characters(exclude_categories=["Cs"])


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any JSON value of the type; what `__post_init__` would refuse is among them."""
    return _values(inspect.type_info(kind))


def _values(node: inspect.Type) -> st.SearchStrategy[Any]:
    match node:
        case inspect.Metadata():
            return _values(node.type)
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(node.ge if node.ge is not None else -_INT64, node.le or _INT64 - 1)
        case inspect.FloatType():
            return _floats(node)
        case inspect.StrType():
            return _texts(node)
        case inspect.BytesType():
            return st.binary(max_size=16).map(lambda raw: base64.b64encode(raw).decode())
        case inspect.EnumType():
            return st.sampled_from([member.value for member in node.cls])
        case inspect.LiteralType():
            return st.sampled_from(node.values)
        case inspect.UnionType():
            return st.one_of([_values(inner) for inner in node.types])
        case inspect.VarTupleType() | inspect.ListType():
            return st.lists(_values(node.item_type), max_size=3)
        case inspect.DictType():
            return st.dictionaries(_values(node.key_type), _values(node.value_type), max_size=3)
        case inspect.StructType():
            return _records(node)
        case inspect.AnyType():
            return st.none() | st.booleans() | st.integers(-_INT64, _INT64) | _texts(inspect.StrType())
        case _:
            raise AssertionError(f"no strategy for {node}: write one")


def _records(node: inspect.StructType) -> st.SearchStrategy[dict[str, Any]]:
    required = {field.encode_name: _values(field.type) for field in node.fields if field.required}
    optional = {field.encode_name: _values(field.type) for field in node.fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional)


def _floats(node: inspect.FloatType) -> st.SearchStrategy[float]:
    low, high = (
        node.ge if node.ge is not None else node.gt,
        node.le if node.le is not None else node.lt,
    )
    found = st.floats(
        low,
        high,
        exclude_min=node.gt is not None,
        exclude_max=node.lt is not None,
        allow_nan=False,
        allow_infinity=False,
    )
    return found | st.integers(1, 3).map(float) if low is None and high is None else found


def _texts(node: inspect.StrType) -> st.SearchStrategy[str]:
    if node.pattern is not None:
        pattern = node.pattern.removeprefix("^").replace(r"$(?!\n)", "")
        return st.from_regex(pattern, fullmatch=True, alphabet=string.printable)
    least = node.min_length or 0
    return st.text(_CHARACTERS, min_size=least, max_size=min(least + 12, node.max_length or 1_000))


def record_of(message: msgspec.Struct) -> dict[str, Any]:
    """A message as its reader in another language has it."""
    return msgspec.json.decode(msgspec.json.encode(message))
