"""What policies let somebody do, by the rules of the IAM user guide (Policy evaluation logic;
Condition operators; Conditions with multiple context keys or values).

Knows what the module's policies use, and refuses everything else rather than to guess."""

import dataclasses
import re
from collections.abc import Callable


@dataclasses.dataclass
class Request:
    """One call; `context` has a text, or a list for a key that holds several."""

    action: str
    resource: str
    context: dict[str, str | list[str]] = dataclasses.field(default_factory=dict)


def allows(statements: list[dict], request: Request) -> bool:
    """Whether identity policies with these statements let the call pass."""
    effects = {s["Effect"] for s in statements if applies(s, request)}
    assert effects <= {"Allow", "Deny"}, effects
    return effects == {"Allow"}


def applies(statement: dict, request: Request) -> bool:
    unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    assert not unknown, f"cannot judge {sorted(unknown)}"
    return (
        any(like(a.lower(), request.action.lower()) for a in statement["Action"])
        and any(like(r, request.resource) for r in statement["Resource"])
        # Every operator, and every key of it, must hold.
        and all(
            holds(operator, request.context.get(key), values)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def like(pattern: str, text: str) -> bool:
    assert "${" not in pattern, f"cannot judge the variable in {pattern}"
    wild = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wild, text, re.DOTALL) is not None


# Of one value of the request and one of the policy.
POSITIVE: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringLike": lambda value, wanted: like(wanted, value),
    "ArnEquals": lambda value, wanted: like(wanted, value),
    "ArnLike": lambda value, wanted: like(wanted, value),
    "Bool": lambda value, wanted: value == wanted,
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def holds(operator: str, given: str | list[str] | None, wanted: str | list[str]) -> bool:
    wanted = [wanted] if isinstance(wanted, str) else wanted
    given = [given] if isinstance(given, str) else given
    if operator == "Null":
        (answer,) = wanted
        return (not given) == (answer == "true")
    qualifier, _, plain = operator.rpartition(":")
    is_negated = plain in NEGATED
    test = POSITIVE[NEGATED.get(plain, plain)]

    def one(value: str) -> bool:
        return any(test(value, w) for w in wanted) != is_negated

    if qualifier == "ForAllValues":
        # Also of a key that is not there.
        return all(one(value) for value in given or [])
    if qualifier == "ForAnyValue":
        return any(one(value) for value in given or [])
    assert qualifier == "", operator
    if not given:
        return is_negated
    (value,) = given
    return one(value)


# Members of a transaction, by the action that each takes (DynamoDB developer guide, Using IAM with
# DynamoDB transactions).
MEMBERS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
# Words of expressions that name no attribute.
WORDS = "AND OR NOT BETWEEN IN SET REMOVE ADD DELETE size contains begins_with if_not_exists"
WORDS += " list_append attribute_exists attribute_not_exists attribute_type"


def dynamodb(operation: str, table: str, parameters: dict) -> list[Request]:
    """What DynamoDB asks IAM for a call: partition keys, and the top-level attributes that the
    parameters name, keys included (DynamoDB developer guide, Using IAM policy conditions for
    fine-grained access control)."""
    if operation == "TransactWriteItems":
        return [
            request
            for action in parameters["TransactItems"]
            for member, values in action.items()
            for request in dynamodb(MEMBERS[member], table, values)
        ]
    if operation == "BatchGetItem":
        (of_table,) = parameters["RequestItems"].values()
        keys = of_table["Keys"]
    elif operation == "Query":
        keys = [{"pk": parameters["ExpressionAttributeValues"][":pk"]}]
    else:
        keys = [parameters[name] for name in ("Key", "Item") if name in parameters]
    context = {
        "dynamodb:LeadingKeys": [key["pk"]["S"] for key in keys],
        "dynamodb:Attributes": sorted({*(n for key in keys for n in key), *attributes(parameters)}),
    }
    return [Request(f"dynamodb:{operation}", table, context)]


def attributes(parameters: dict) -> set[str]:
    """Those at the top level that expressions name."""
    names = parameters.get("ExpressionAttributeNames", {})
    found = set()
    for expression in EXPRESSIONS:
        # Nothing below the first level, no values.
        text = re.sub(r"[.:]\s*#?\w+|\[\d+\]", "", parameters.get(expression, ""))
        words = set(re.findall(r"#?\w+", text)) - set(WORDS.split())
        found |= {names.get(word, word) for word in words}
    return found
