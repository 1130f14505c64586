"""POST /order as a user of Python would write it: boto3, client made once. Same requests, same answers."""

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

Fault = dict[str, str]


class ProblemError(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, kind: str, title: str, detail: str, errors: list[Fault] | None = None) -> None:
        """Of a kind, with what happened and which fields are at fault."""
        super().__init__(detail)
        self.status = status
        self.document: dict[str, Any] = {
            "type": f"urn:problem-type:ecommerce:{kind}",
            "title": title,
            "status": status,
            "detail": detail,
        }
        if errors:
            self.document["errors"] = errors


def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answers POST /order."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    sent = headers.get("x-correlation-id")
    correlation_id = sent if sent and CORRELATION_ID.fullmatch(sent) else event["requestContext"]["requestId"]
    log = {"route": f"{event['httpMethod']} {event['resource']}", "correlationId": correlation_id}
    try:
        order = _place(event, headers, correlation_id, log)
        location = f"{event['requestContext']['path']}/{order['orderId']}"
        answer = _respond(201, "application/json", order, {"location": location})
    except ProblemError as problem:
        answer = _respond(problem.status, "application/problem+json", problem.document, {})
    except Exception:
        logger.exception("a request could not be served")
        problem = ProblemError(500, "internal", "Internal error", "the error is ours and was logged")
        answer = _respond(problem.status, "application/problem+json", problem.document, {})
    answer["headers"]["x-correlation-id"] = correlation_id
    logger.info(json.dumps({"message": "answered", "status": answer["statusCode"], **log}))
    return answer


def _respond(status: int, media_type: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": media_type, **headers},
        "body": json.dumps(body, default=float),
        "isBase64Encoded": False,
    }


def _place(event: dict[str, Any], headers: dict[str, str], correlation_id: str, log: dict[str, str]) -> dict[str, Any]:
    customer_id, lines, stated_total, key = _read_request(event, headers)
    order_id = str(uuid.uuid4() if key is None else uuid.uuid5(IDEMPOTENCY_NAMESPACE, f"{customer_id}/{key}"))
    log["orderId"] = order_id
    request_hash = _hash_of(customer_id, lines, stated_total)

    known, prices = _read_customer_and_prices(customer_id, lines)
    items, total = _priced(customer_id, lines, known, prices)
    if stated_total is not None and stated_total != total:
        detail = f"is {stated_total}, but the catalogue's prices come to {total}"
        faults = [_fault("#/totalAmount", "total-differs", detail)]
        raise ProblemError(409, "total-differs", "The total differs from the computed one", detail, faults)

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
    faults = []
    if not known:
        faults.append(_fault("#/customerId", "unknown-customer", f"there is no customer {customer_id}"))
    unknown = (product_id for product_id in lines if product_id not in prices)
    faults.extend(_fault("#/items", "unknown-product", f"there is no product {product_id}") for product_id in unknown)
    if faults:
        raise _invalid(faults)
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
    title = "The idempotency key belongs to another request"
    detail = "this idempotency key was used for another request; use a new one"
    raise ProblemError(422, "idempotency-key-reused", title, detail)


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
    wanted: dict[str, Any] = {
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
    while wanted:
        answer = dynamodb.batch_get_item(RequestItems=wanted)
        for product in answer["Responses"].get(PRODUCTS_TABLE, []):
            prices[product["ProductId"]["S"]] = Decimal(product["Price"]["N"])
        known = known or bool(answer["Responses"].get(CUSTOMERS_TABLE))
        wanted = answer.get("UnprocessedKeys", {})
    return known, prices


# Reading the request: all faults are told at once.


def _fault(pointer: str, rule: str, detail: str) -> Fault:
    return {"pointer": pointer, "rule": rule, "detail": detail}


def _invalid(faults: list[Fault]) -> ProblemError:
    detail = f"{len(faults)} rules are broken"
    return ProblemError(422, "invalid", "The request breaks the rules listed", detail, faults)


def _read_request(
    event: dict[str, Any], headers: dict[str, str]
) -> tuple[str, dict[str, int], Decimal | None, str | None]:
    body = _parse(event, headers)
    faults: list[Fault] = []
    key = headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        detail = "must be 1 to 255 printable ASCII characters without the space"
        faults.append(_fault("Idempotency-Key", "format", detail))
    if not isinstance(body, dict):
        raise _invalid([_fault("#", "type", "must be an object"), *faults])
    _reject_others(body, "#", {"customerId", "items", "totalAmount"}, faults)
    customer_id = _read_id(body.get("customerId"), "#/customerId", faults)
    lines = _read_lines(body.get("items"), faults)
    stated_total = _read_total(body.get("totalAmount"), faults)
    if faults:
        raise _invalid(faults)
    return customer_id, lines, stated_total, key


def _parse(event: dict[str, Any], headers: dict[str, str]) -> Any:
    media_type = headers.get("content-type")
    if media_type is not None and media_type.split(";")[0].strip().lower() != "application/json":
        title = "The body must be declared as application/json"
        raise ProblemError(415, "unsupported-media-type", title, "send the header Content-Type: application/json")
    body = event.get("body") or ""
    text = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    if len(text) > MAX_BODY_BYTES:
        detail = f"the body must have at most {MAX_BODY_BYTES} bytes"
        raise ProblemError(413, "too-large", "The body is too large", detail)
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise ProblemError(400, "not-json", "The body is not JSON", str(error)) from error


def _reject_others(value: dict[str, Any], pointer: str, known: set[str], faults: list[Fault]) -> None:
    for name in value.keys() - known:
        price = pointer != "#" and name in {"price", "unitPrice"}
        rule = "price-not-accepted" if price else "unknown-field"
        faults.append(_fault(f"{pointer}/{quote(name, safe='')}", rule, "is not a field of this request"))


def _read_id(value: Any, pointer: str, faults: list[Fault]) -> str:
    if value is None:
        faults.append(_fault(pointer, "required", "is required"))
    elif not isinstance(value, str):
        faults.append(_fault(pointer, "type", "must be a string"))
    elif not ID.fullmatch(value):
        faults.append(_fault(pointer, "format", "must be 1 to 64 characters out of A-Z a-z 0-9 - _ ."))
    return value if isinstance(value, str) else ""


def _read_quantity(value: Any, pointer: str, faults: list[Fault]) -> int:
    if value is None:
        faults.append(_fault(pointer, "required", "is required"))
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        faults.append(_fault(pointer, "type", "must be a number"))
    elif isinstance(value, Decimal):
        faults.append(_fault(pointer, "not-whole", "must be a whole number"))
    elif value < 1:
        faults.append(_fault(pointer, "below-minimum", "must be at least 1"))
    elif value > 1000:
        faults.append(_fault(pointer, "above-maximum", "must be at most 1000"))
    else:
        return value
    return 0


def _read_lines(value: Any, faults: list[Fault]) -> dict[str, int]:
    lines: dict[str, int] = {}
    if value is None:
        faults.append(_fault("#/items", "required", "is required"))
        return lines
    if not isinstance(value, list):
        faults.append(_fault("#/items", "type", "must be an array"))
        return lines
    before = len(faults)
    for n, line in enumerate(value):
        _read_line(line, f"#/items/{n}", lines, faults)
    if len(faults) > before:
        return lines
    if not lines:
        faults.append(_fault("#/items", "empty", "must have at least one line item"))
    if len(lines) > 50:
        faults.append(_fault("#/items", "too-many", "must not have more than 50 different products"))
    if any(quantity > 1000 for quantity in lines.values()):
        faults.append(_fault("#/items", "above-maximum", "the lines of one product add up to more than 1000"))
    return lines


def _read_line(line: Any, pointer: str, lines: dict[str, int], faults: list[Fault]) -> None:
    if not isinstance(line, dict):
        faults.append(_fault(pointer, "type", "must be an object"))
        return
    _reject_others(line, pointer, {"productId", "quantity"}, faults)
    product_id = _read_id(line.get("productId"), f"{pointer}/productId", faults)
    quantity = _read_quantity(line.get("quantity"), f"{pointer}/quantity", faults)
    lines[product_id] = lines.get(product_id, 0) + quantity


def _read_total(value: Any, faults: list[Fault]) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        faults.append(_fault("#/totalAmount", "type", "must be a number"))
        return None
    total = Decimal(value)
    if total < 0:
        faults.append(_fault("#/totalAmount", "below-minimum", "must not be negative"))
    elif total != total.quantize(CENT):
        faults.append(_fault("#/totalAmount", "too-precise", "must not have more than two decimal places"))
    return total


def _hash_of(customer_id: str, lines: dict[str, int], stated_total: Decimal | None) -> str:
    sorted_lines = [f"{product_id} {quantity}" for product_id, quantity in sorted(lines.items())]
    total = "" if stated_total is None else str(stated_total.quantize(CENT))
    return hashlib.sha256("\n".join([customer_id, *sorted_lines, total]).encode()).hexdigest()
