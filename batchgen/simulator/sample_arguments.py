"""Arguments for a call of a function nobody knows: guessed from the names and annotations of its parameters."""

import ast

Function = ast.FunctionDef | ast.AsyncFunctionDef

_BY_TYPE = (
    ("bool", "True", "False"),
    ("int", "1", "0"),
    ("float", "1.5", "0.0"),
    ("bytes", 'b"a"', 'b""'),
    ("str", '"a"', '""'),
    ("dict", '{"a": 1}', "{}"),
    ("mapping", '{"a": 1}', "{}"),
    ("list", '["a"]', "[]"),
    ("sequence", '["a"]', "[]"),
    ("iterable", '["a"]', "[]"),
    ("callable", "str", "repr"),
)
_BY_NAME = {
    "idx index start stop end pos n k count size width height level depth port limit length number": ("1", "0"),
    "items values seq sequence iterable elements args names lines rows data": ('["a"]', "[]"),
    "mapping kwargs options d dictionary headers": ('{"a": 1}', "{}"),
    "func function fn f callback key predicate": ("str", "repr"),
    "obj o x y a b value other i j m": ("1", "0"),
}
_NAMED = {name: samples for names, samples in _BY_NAME.items() for name in names.split()}
_ELSE = ('"a"', '""')


def arguments(function: Function, *, skip: int = 0) -> tuple[str, str]:
    """Two argument lists for a function, as source: usual values, empty ones; `skip` parameters are bound already."""
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    required = positional[skip : len(positional) - len(spec.defaults)]
    keywords = [item for item, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if default is None]
    lists = []
    for which in (0, 1):
        given = [_sample(item)[which] for item in required]
        given += [f"{item.arg}={_sample(item)[which]}" for item in keywords]
        lists.append(", ".join(given))
    return lists[0], lists[1]


def _sample(parameter: ast.arg) -> tuple[str, str]:
    annotation = ast.unparse(parameter.annotation).lower() if parameter.annotation else ""
    for name, usual, empty in _BY_TYPE:
        if name in annotation:
            return usual, empty
    return _NAMED.get(parameter.arg, _ELSE)
