// POST /order as a typical Node.js user writes it: AWS SDK v3 with its document
// client, which is created once, bundled and minified. It sends the same DynamoDB
// requests and returns the same responses as order-service.

import { createHash } from 'node:crypto';
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchGetCommand, DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';

const { ORDERS_TABLE, CUSTOMERS_TABLE, PRODUCTS_TABLE } = process.env;
const IDEMPOTENCY_NAMESPACE = '8a5c1e0e-6f0b-4c55-9b7b-2a9d6b1f0c31';
const EVENT_NAMESPACE = '3f3d52c4-1d8e-4a0f-8f57-c1b670aa94e2';
const MAX_BODY_BYTES = 64 * 1024;
const ID = /^[A-Za-z0-9._-]{1,64}$/;
const CORRELATION_ID = /^[A-Za-z0-9._-]{1,128}$/;
const IDEMPOTENCY_KEY = /^[!-~]{1,255}$/;

const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));

class Problem extends Error {
  constructor(status, type, title, detail, members = {}) {
    super(detail);
    this.status = status;
    this.document = { type: `urn:problem-type:ecommerce:${type}`, title, status, detail, ...members };
  }
}

const validationErrors = (errors) => (errors.length === 1 ? '1 validation error' : `${errors.length} validation errors`);

const invalid = (errors) =>
  new Problem(422, 'invalid', 'Request validation failed', validationErrors(errors), { errors });

export async function handler(event) {
  const headers = Object.fromEntries(
    Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const sent = headers['x-correlation-id'];
  const correlationId = CORRELATION_ID.test(sent ?? '') ? sent : event.requestContext.requestId;
  const log = { route: `${event.httpMethod} ${event.resource}`, correlationId };
  let response;
  try {
    const order = await place(event, headers, correlationId, log);
    const location = `${event.requestContext.path}/${order.orderId}`;
    response = respond(201, 'application/json', order, { location });
  } catch (error) {
    if (!(error instanceof Problem)) {
      console.error(JSON.stringify({ level: 'ERROR', ...log, error: String(error) }));
      error = new Problem(500, 'internal', 'Internal error', 'Internal error');
    }
    response = respond(error.status, 'application/problem+json', error.document, {});
  }
  response.headers['x-correlation-id'] = correlationId;
  console.log(JSON.stringify({ timestamp: new Date(), level: 'INFO', message: 'request completed', status: response.statusCode, ...log }));
  return response;
}

const respond = (statusCode, type, body, headers) => ({
  statusCode,
  headers: { 'content-type': type, ...headers },
  body: JSON.stringify(body),
  isBase64Encoded: false,
});

async function place(event, headers, correlationId, log) {
  const { customerId, lines, expectedTotal, key } = readRequest(event, headers);
  const orderId = key === undefined ? uuidv7() : uuidv5(`${customerId}/${key}`, IDEMPOTENCY_NAMESPACE);
  log.orderId = orderId;
  const hash = hashOf(customerId, lines, expectedTotal);

  const { customer, prices } = await readCustomerAndPrices(customerId, lines);
  const violations = [];
  if (!customer) violations.push(violation('#/customerId', 'unknown-customer', `no such customer: ${customerId}`));
  for (const [productId] of lines) {
    if (!prices.has(productId)) violations.push(violation('#/items', 'unknown-product', `no such product: ${productId}`));
  }
  if (violations.length > 0) throw invalid(violations);

  const items = [...lines].map(([ProductId, Quantity]) => ({ ProductId, Quantity, UnitPrice: prices.get(ProductId) }));
  // Whole cents avoid rounding errors in sums.
  const cents = items.reduce((sum, item) => sum + Math.round(item.UnitPrice * 100) * item.Quantity, 0);
  if (expectedTotal !== undefined && Math.round(expectedTotal * 100) !== cents) {
    const detail = `is ${expectedTotal}, but the catalog total is ${cents / 100}`;
    throw new Problem(409, 'total-differs', 'Total does not match the catalog', detail, {
      errors: [violation('#/totalAmount', 'total-differs', detail)],
    });
  }

  const now = new Date().toISOString();
  const order = {
    OrderId: orderId,
    CustomerId: customerId,
    OrderStatus: 'Placed',
    Items: items,
    TotalAmount: cents / 100,
    CreatedAt: now,
    UpdatedAt: now,
    RequestHash: hash,
    Event: {
      Id: uuidv5(`${orderId}/OrderPlaced`, EVENT_NAMESPACE),
      Type: 'OrderPlaced',
      Time: now,
      CorrelationId: correlationId,
    },
  };
  try {
    await client.send(
      new PutCommand({
        TableName: ORDERS_TABLE,
        Item: order,
        ConditionExpression: 'attribute_not_exists(OrderId)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );
    return show(order);
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    return replay(orderId, hash);
  }
}

async function replay(orderId, hash) {
  const { Item: stored } = await client.send(
    new GetCommand({ TableName: ORDERS_TABLE, Key: { OrderId: orderId }, ConsistentRead: true }),
  );
  if (stored.RequestHash === hash) {
    return show({ ...stored, OrderStatus: 'Placed', UpdatedAt: stored.CreatedAt });
  }
  const detail = 'use a new idempotency key for a different request';
  throw new Problem(422, 'idempotency-key-reused', 'Idempotency key already used for a different request', detail, {
    orderId,
  });
}

const show = (order) => ({
  orderId: order.OrderId,
  customerId: order.CustomerId,
  orderStatus: order.OrderStatus,
  items: order.Items.map((item) => ({
    productId: item.ProductId,
    quantity: item.Quantity,
    unitPrice: item.UnitPrice,
  })),
  totalAmount: order.TotalAmount,
  createdAt: order.CreatedAt,
  updatedAt: order.UpdatedAt,
});

async function readCustomerAndPrices(customerId, lines) {
  const prices = new Map();
  let customer = false;
  let unread = {
    [CUSTOMERS_TABLE]: {
      Keys: [{ CustomerId: customerId }],
      ProjectionExpression: 'CustomerId',
      ConsistentRead: true,
    },
    [PRODUCTS_TABLE]: {
      Keys: [...lines.keys()].map((ProductId) => ({ ProductId })),
      ProjectionExpression: 'ProductId, Price',
      ConsistentRead: true,
    },
  };
  while (unread && Object.keys(unread).length > 0) {
    const { Responses, UnprocessedKeys } = await client.send(new BatchGetCommand({ RequestItems: unread }));
    for (const product of Responses[PRODUCTS_TABLE] ?? []) prices.set(product.ProductId, product.Price);
    customer ||= (Responses[CUSTOMERS_TABLE] ?? []).length > 0;
    unread = UnprocessedKeys;
  }
  return { customer, prices };
}

// Parsing of the request. The response lists all violations.

const violation = (pointer, rule, detail) => ({ pointer, rule, detail });

function readRequest(event, headers) {
  const body = parse(event, headers);
  const violations = [];
  const key = headers['idempotency-key'];
  if (key !== undefined && !IDEMPOTENCY_KEY.test(key)) {
    violations.push(violation('Idempotency-Key', 'format', 'must be 1 to 255 printable ASCII characters without spaces'));
  }
  if (!isObject(body)) throw invalid([violation('#', 'type', 'must be an object'), ...violations]);
  rejectUnknownFields(body, '#', ['customerId', 'items', 'totalAmount'], violations);
  const customerId = readId(body.customerId, '#/customerId', violations);
  const lines = readLines(body.items, violations);
  const expectedTotal = readTotal(body.totalAmount, violations);
  if (violations.length > 0) throw invalid(violations);
  return { customerId, lines, expectedTotal, key };
}

function parse(event, headers) {
  const type = headers['content-type'];
  if (type !== undefined && type.split(';')[0].trim().toLowerCase() !== 'application/json') {
    const title = 'Content-Type must be application/json';
    throw new Problem(415, 'unsupported-media-type', title, 'Content-Type must be application/json');
  }
  const text = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : (event.body ?? '');
  if (Buffer.byteLength(text) > MAX_BODY_BYTES) {
    throw new Problem(413, 'too-large', 'Request body too large', `request body must not exceed ${MAX_BODY_BYTES} bytes`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem(400, 'not-json', 'Request body is not valid JSON', error.message);
  }
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function rejectUnknownFields(value, pointer, known, violations) {
  for (const name of Object.keys(value).filter((name) => !known.includes(name))) {
    const price = pointer !== '#' && (name === 'price' || name === 'unitPrice');
    const rule = price ? 'price-not-accepted' : 'unknown-field';
    violations.push(violation(`${pointer}/${encodeURIComponent(name)}`, rule, 'unknown field'));
  }
}

function readId(value, pointer, violations) {
  if (value === undefined || value === null) violations.push(violation(pointer, 'required', 'is required'));
  else if (typeof value !== 'string') violations.push(violation(pointer, 'type', 'must be a string'));
  else if (!ID.test(value)) violations.push(violation(pointer, 'format', 'must be 1 to 64 characters of A-Z a-z 0-9 - _ .'));
  return value;
}

function readQuantity(value, pointer, violations) {
  if (value === undefined || value === null) violations.push(violation(pointer, 'required', 'is required'));
  else if (typeof value !== 'number') violations.push(violation(pointer, 'type', 'must be a number'));
  else if (!Number.isInteger(value)) violations.push(violation(pointer, 'not-whole', 'must be a whole number'));
  else if (value < 1) violations.push(violation(pointer, 'below-minimum', 'must be at least 1'));
  else if (value > 1000) violations.push(violation(pointer, 'above-maximum', 'must be at most 1000'));
  return value;
}

function readLines(value, violations) {
  const lines = new Map();
  if (value === undefined || value === null) violations.push(violation('#/items', 'required', 'is required'));
  else if (!Array.isArray(value)) violations.push(violation('#/items', 'type', 'must be an array'));
  else {
    const before = violations.length;
    value.forEach((line, n) => readLine(line, `#/items/${n}`, lines, violations));
    if (violations.length > before) return lines;
    if (lines.size === 0) violations.push(violation('#/items', 'empty', 'must not be empty'));
    if (lines.size > 50) violations.push(violation('#/items', 'too-many', 'must not contain more than 50 products'));
    if ([...lines.values()].some((quantity) => quantity > 1000)) {
      violations.push(violation('#/items', 'above-maximum', 'the lines of a product must not add up to more than 1000'));
    }
  }
  return lines;
}

function readLine(line, pointer, lines, violations) {
  if (!isObject(line)) {
    violations.push(violation(pointer, 'type', 'must be an object'));
    return;
  }
  rejectUnknownFields(line, pointer, ['productId', 'quantity'], violations);
  const productId = readId(line.productId, `${pointer}/productId`, violations);
  const quantity = readQuantity(line.quantity, `${pointer}/quantity`, violations);
  lines.set(productId, (lines.get(productId) ?? 0) + quantity);
}

function readTotal(value, violations) {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number') violations.push(violation('#/totalAmount', 'type', 'must be a number'));
  else if (value < 0) violations.push(violation('#/totalAmount', 'below-minimum', 'must not be negative'));
  else if (Math.abs(value * 100 - Math.round(value * 100)) > 1e-6) {
    violations.push(violation('#/totalAmount', 'too-precise', 'must not have more than two decimal places'));
  }
  return value;
}

function hashOf(customerId, lines, expectedTotal) {
  const sorted = [...lines].sort(([one], [other]) => (one < other ? -1 : 1));
  const text = [customerId, ...sorted.map(([productId, quantity]) => `${productId} ${quantity}`)].join('\n');
  const total = expectedTotal === undefined ? '' : expectedTotal.toFixed(2);
  return createHash('sha256').update(`${text}\n${total}`).digest('hex');
}
