"""Reads a config as data, though a config is code."""
import ast


def literal_config(text: str) -> dict:
    """Read a config without running it.

    Args:
        text (str): Assignments of literals and of calls like ``dict(a=1)``.

    Returns:
        dict: Values by name.

    Raises:
        ValueError: If anything else stands there, such as ``{{ }}``, which
            MMEngine replaces.
    """
    if '{{' in text or '${' in text:
        raise ValueError('{{ or ${ in a text')
    values = {}
    for statement in ast.parse(text).body:
        if not isinstance(statement, ast.Assign):
            raise ValueError(f'line {statement.lineno} is no assignment')
        [target] = statement.targets
        if not isinstance(target, ast.Name) or target.id in values:
            raise ValueError(f'line {statement.lineno} sets no new name')
        values[target.id] = ast.literal_eval(_Dicts().visit(statement.value))
    return values


class _Dicts(ast.NodeTransformer):
    """Writes ``dict(a=1)`` and ``dict({'a': 1})`` as ``{'a': 1}``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        keys = [each.arg for each in node.keywords]
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict':
            return node  # no literal
        if not keys and [type(arg) for arg in node.args] == [ast.Dict]:
            return node.args[0]
        if node.args or None in keys:
            return node
        return ast.Dict([ast.Constant(key) for key in keys],
                        [each.value for each in node.keywords])
