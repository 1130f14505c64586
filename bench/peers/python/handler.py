"""POST /order as a typical Python user writes it, with a boto3 client that is created once.

It sends the same DynamoDB requests and returns the same responses as order-service.
"""

import base64
import hashlib
import json
import logging
import os
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import boto3

ORDERS_TABLE = os.environ["ORDERS_TABLE"]
CUSTOMERS_TABLE = os.environ["CUSTOMERS_TABLE"]
PRODUCTS_TABLE = os.environ["PRODUCTS_TABLE"]
IDEMPOTENCY_NAMESPACE = uuid.UUID("8a5c1e0e-6f0b-4c55-9b7b-2a9d6b1f0c31")
EVENT_NAMESPACE = uuid.UUID("3f3d52c4-1d8e-4a0f-8f57-c1b670aa94e2")
MAX_BODY_BYTES = 64 * 1024
ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
CENT = Decimal("0.01")

logger = logging.getLogger()
logger.setLevel(logging.INFO)
dynamodb = boto3.client("dynamodb")

Violation = dict[str, str]


class ProblemError(Exception):
    """A response with a problem document."""

    def __init__(self, status: int, kind: str, title: str, detail: str, **members: Any) -> None:
        """Builds the document of the problem."""
        super().__init__(detail)
        self.status = status
        self.document: dict[str, Any] = {
            "type": f"urn:problem-type:ecommerce:{kind}",
            "title": title,
            "status": status,
            "detail": detail,
            **members,
        }


def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Handles POST /order."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    sent = headers.get("x-correlation-id")
    correlation_id = sent if sent and CORRELATION_ID.fullmatch(sent) else event["requestContext"]["requestId"]
    log = {"route": f"{event['httpMethod']} {event['resource']}", "correlationId": correlation_id}
    try:
        order = _place(event, headers, correlation_id, log)
        location = f"{event['requestContext']['path']}/{order['orderId']}"
        response = _respond(201, "application/json", order, {"location": location})
    except ProblemError as problem:
        response = _respond(problem.status, "application/problem+json", problem.document, {})
    except Exception:
        logger.exception("request failed")
        problem = ProblemError(500, "internal", "Internal error", "Internal error")
        response = _respond(problem.status, "application/problem+json", problem.document, {})
    response["headers"]["x-correlation-id"] = correlation_id
    logger.info(json.dumps({"message": "request completed", "status": response["statusCode"], **log}))
    return response


def _respond(status: int, media_type: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": media_type, **headers},
        "body": json.dumps(body, default=float),
        "isBase64Encoded": False,
    }


def _place(event: dict[str, Any], headers: dict[str, str], correlation_id: str, log: dict[str, str]) -> dict[str, Any]:
    customer_id, lines, expected_total, key = _read_request(event, headers)
    order_id = str(uuid.uuid4() if key is None else uuid.uuid5(IDEMPOTENCY_NAMESPACE, f"{customer_id}/{key}"))
    log["orderId"] = order_id
    request_hash = _hash_of(customer_id, lines, expected_total)

    known, prices = _read_customer_and_prices(customer_id, lines)
    items, total = _priced(customer_id, lines, known, prices)
    if expected_total is not None and expected_total != total:
        detail = f"is {expected_total}, but the catalog total is {total}"
        violations = [_violation("#/totalAmount", "total-differs", detail)]
        raise ProblemError(409, "total-differs", "Total does not match the catalog", detail, errors=violations)

    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    item = {
        "OrderId": {"S": order_id},
        "CustomerId": {"S": customer_id},
        "OrderStatus": {"S": "Placed"},
        "Items": {"L": items},
        "TotalAmount": {"N": str(total)},
        "CreatedAt": {"S": now},
        "UpdatedAt": {"S": now},
        "RequestHash": {"S": request_hash},
        "Event": {
            "M": {
                "Id": {"S": str(uuid.uuid5(EVENT_NAMESPACE, f"{order_id}/OrderPlaced"))},
                "Type": {"S": "OrderPlaced"},
                "Time": {"S": now},
                "CorrelationId": {"S": correlation_id},
            }
        },
    }
    try:
        dynamodb.put_item(
            TableName=ORDERS_TABLE,
            Item=item,
            ConditionExpression="attribute_not_exists(OrderId)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as taken:
        return _replay(taken.response["Item"], request_hash)
    return _show(item)


def _priced(
    customer_id: str, lines: dict[str, int], known: bool, prices: dict[str, Decimal]
) -> tuple[list[dict[str, Any]], Decimal]:
    violations = []
    if not known:
        violations.append(_violation("#/customerId", "unknown-customer", f"no such customer: {customer_id}"))
    unknown = (product_id for product_id in lines if product_id not in prices)
    violations.extend(
        _violation("#/items", "unknown-product", f"no such product: {product_id}") for product_id in unknown
    )
    if violations:
        raise _invalid(violations)
    items = [
        {
            "M": {
                "ProductId": {"S": product_id},
                "Quantity": {"N": str(quantity)},
                "UnitPrice": {"N": str(prices[product_id])},
            }
        }
        for product_id, quantity in lines.items()
    ]
    return items, sum((prices[product_id] * quantity for product_id, quantity in lines.items()), Decimal())


def _replay(stored: dict[str, Any], request_hash: str) -> dict[str, Any]:
    if stored.get("RequestHash", {}).get("S") == request_hash:
        return _show({**stored, "OrderStatus": {"S": "Placed"}, "UpdatedAt": stored["CreatedAt"]})
    title = "Idempotency key already used for a different request"
    detail = "use a new idempotency key for a different request"
    raise ProblemError(422, "idempotency-key-reused", title, detail, orderId=stored["OrderId"]["S"])


def _show(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "orderId": item["OrderId"]["S"],
        "customerId": item["CustomerId"]["S"],
        "orderStatus": item["OrderStatus"]["S"],
        "items": [
            {
                "productId": line["M"]["ProductId"]["S"],
                "quantity": int(line["M"]["Quantity"]["N"]),
                "unitPrice": Decimal(line["M"]["UnitPrice"]["N"]),
            }
            for line in item["Items"]["L"]
        ],
        "totalAmount": Decimal(item["TotalAmount"]["N"]),
        "createdAt": item["CreatedAt"]["S"],
        "updatedAt": item["UpdatedAt"]["S"],
    }


def _read_customer_and_prices(customer_id: str, lines: dict[str, int]) -> tuple[bool, dict[str, Decimal]]:
    known, prices = False, {}
    unread: dict[str, Any] = {
        CUSTOMERS_TABLE: {
            "Keys": [{"CustomerId": {"S": customer_id}}],
            "ProjectionExpression": "CustomerId",
            "ConsistentRead": True,
        },
        PRODUCTS_TABLE: {
            "Keys": [{"ProductId": {"S": product_id}} for product_id in lines],
            "ProjectionExpression": "ProductId, Price",
            "ConsistentRead": True,
        },
    }
    while unread:
        response = dynamodb.batch_get_item(RequestItems=unread)
        for product in response["Responses"].get(PRODUCTS_TABLE, []):
            prices[product["ProductId"]["S"]] = Decimal(product["Price"]["N"])
        known = known or bool(response["Responses"].get(CUSTOMERS_TABLE))
        unread = response.get("UnprocessedKeys", {})
    return known, prices


# Parsing of the request. The response lists all violations.


def _violation(pointer: str, rule: str, detail: str) -> Violation:
    return {"pointer": pointer, "rule": rule, "detail": detail}


def _invalid(violations: list[Violation]) -> ProblemError:
    detail = "1 validation error" if len(violations) == 1 else f"{len(violations)} validation errors"
    return ProblemError(422, "invalid", "Request validation failed", detail, errors=violations)


def _read_request(
    event: dict[str, Any], headers: dict[str, str]
) -> tuple[str, dict[str, int], Decimal | None, str | None]:
    body = _parse(event, headers)
    violations: list[Violation] = []
    key = headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        detail = "must be 1 to 255 printable ASCII characters without spaces"
        violations.append(_violation("Idempotency-Key", "format", detail))
    if not isinstance(body, dict):
        raise _invalid([_violation("#", "type", "must be an object"), *violations])
    _reject_unknown_fields(body, "#", {"customerId", "items", "totalAmount"}, violations)
    customer_id = _read_id(body.get("customerId"), "#/customerId", violations)
    lines = _read_lines(body.get("items"), violations)
    expected_total = _read_total(body.get("totalAmount"), violations)
    if violations:
        raise _invalid(violations)
    return customer_id, lines, expected_total, key


def _parse(event: dict[str, Any], headers: dict[str, str]) -> Any:
    media_type = headers.get("content-type")
    if media_type is not None and media_type.split(";")[0].strip().lower() != "application/json":
        title = "Content-Type must be application/json"
        raise ProblemError(415, "unsupported-media-type", title, title)
    body = event.get("body") or ""
    text = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    if len(text) > MAX_BODY_BYTES:
        detail = f"request body must not exceed {MAX_BODY_BYTES} bytes"
        raise ProblemError(413, "too-large", "Request body too large", detail)
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise ProblemError(400, "not-json", "Request body is not valid JSON", str(error)) from error


def _reject_unknown_fields(value: dict[str, Any], pointer: str, known: set[str], violations: list[Violation]) -> None:
    for name in value.keys() - known:
        price = pointer != "#" and name in {"price", "unitPrice"}
        rule = "price-not-accepted" if price else "unknown-field"
        violations.append(_violation(f"{pointer}/{quote(name, safe='')}", rule, "unknown field"))


def _read_id(value: Any, pointer: str, violations: list[Violation]) -> str:
    if value is None:
        violations.append(_violation(pointer, "required", "is required"))
    elif not isinstance(value, str):
        violations.append(_violation(pointer, "type", "must be a string"))
    elif not ID.fullmatch(value):
        violations.append(_violation(pointer, "format", "must be 1 to 64 characters of A-Z a-z 0-9 - _ ."))
    return value if isinstance(value, str) else ""


def _read_quantity(value: Any, pointer: str, violations: list[Violation]) -> int:
    if value is None:
        violations.append(_violation(pointer, "required", "is required"))
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        violations.append(_violation(pointer, "type", "must be a number"))
    elif isinstance(value, Decimal):
        violations.append(_violation(pointer, "not-whole", "must be a whole number"))
    elif value < 1:
        violations.append(_violation(pointer, "below-minimum", "must be at least 1"))
    elif value > 1000:
        violations.append(_violation(pointer, "above-maximum", "must be at most 1000"))
    else:
        return value
    return 0


def _read_lines(value: Any, violations: list[Violation]) -> dict[str, int]:
    lines: dict[str, int] = {}
    if value is None:
        violations.append(_violation("#/items", "required", "is required"))
        return lines
    if not isinstance(value, list):
        violations.append(_violation("#/items", "type", "must be an array"))
        return lines
    before = len(violations)
    for n, line in enumerate(value):
        _read_line(line, f"#/items/{n}", lines, violations)
    if len(violations) > before:
        return lines
    if not lines:
        violations.append(_violation("#/items", "empty", "must not be empty"))
    if len(lines) > 50:
        violations.append(_violation("#/items", "too-many", "must not contain more than 50 products"))
    if any(quantity > 1000 for quantity in lines.values()):
        violations.append(_violation("#/items", "above-maximum", "the lines of a product add up to more than 1000"))
    return lines


def _read_line(line: Any, pointer: str, lines: dict[str, int], violations: list[Violation]) -> None:
    if not isinstance(line, dict):
        violations.append(_violation(pointer, "type", "must be an object"))
        return
    _reject_unknown_fields(line, pointer, {"productId", "quantity"}, violations)
    product_id = _read_id(line.get("productId"), f"{pointer}/productId", violations)
    quantity = _read_quantity(line.get("quantity"), f"{pointer}/quantity", violations)
    lines[product_id] = lines.get(product_id, 0) + quantity


def _read_total(value: Any, violations: list[Violation]) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        violations.append(_violation("#/totalAmount", "type", "must be a number"))
        return None
    total = Decimal(value)
    if total < 0:
        violations.append(_violation("#/totalAmount", "below-minimum", "must not be negative"))
    elif total != total.quantize(CENT):
        violations.append(_violation("#/totalAmount", "too-precise", "must not have more than two decimal places"))
    return total


def _hash_of(customer_id: str, lines: dict[str, int], expected_total: Decimal | None) -> str:
    sorted_lines = [f"{product_id} {quantity}" for product_id, quantity in sorted(lines.items())]
    total = "" if expected_total is None else str(expected_total.quantize(CENT))
    return hashlib.sha256("\n".join([customer_id, *sorted_lines, total]).encode()).hexdigest()
