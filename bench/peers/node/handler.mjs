// POST /order as a user of Node.js would write it: AWS SDK v3 with its document
// client, clients made once, bundled and minified. Same requests, same answers.

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
  constructor(status, type, title, detail, errors = []) {
    super(detail);
    this.status = status;
    this.document = { type: `urn:problem-type:ecommerce:${type}`, title, status, detail };
    if (errors.length > 0) this.document.errors = errors;
  }
}

const invalid = (errors) =>
  new Problem(422, 'invalid', 'The request breaks the rules listed', `${errors.length} rules are broken`, errors);

export async function handler(event) {
  const headers = Object.fromEntries(
    Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const sent = headers['x-correlation-id'];
  const correlationId = CORRELATION_ID.test(sent ?? '') ? sent : event.requestContext.requestId;
  const log = { route: `${event.httpMethod} ${event.resource}`, correlationId };
  let answer;
  try {
    const order = await place(event, headers, correlationId, log);
    const location = `${event.requestContext.path}/${order.orderId}`;
    answer = respond(201, 'application/json', order, { location });
  } catch (error) {
    if (!(error instanceof Problem)) {
      console.error(JSON.stringify({ level: 'ERROR', ...log, error: String(error) }));
      error = new Problem(500, 'internal', 'Internal error', 'the error is ours and was logged');
    }
    answer = respond(error.status, 'application/problem+json', error.document, {});
  }
  answer.headers['x-correlation-id'] = correlationId;
  console.log(JSON.stringify({ timestamp: new Date(), level: 'INFO', message: 'answered', status: answer.statusCode, ...log }));
  return answer;
}

const respond = (statusCode, type, body, headers) => ({
  statusCode,
  headers: { 'content-type': type, ...headers },
  body: JSON.stringify(body),
  isBase64Encoded: false,
});

async function place(event, headers, correlationId, log) {
  const { customerId, lines, statedTotal, key } = readRequest(event, headers);
  const orderId = key === undefined ? uuidv7() : uuidv5(`${customerId}/${key}`, IDEMPOTENCY_NAMESPACE);
  log.orderId = orderId;
  const hash = hashOf(customerId, lines, statedTotal);

  const { customer, prices } = await readCustomerAndPrices(customerId, lines);
  const faults = [];
  if (!customer) faults.push(fault('#/customerId', 'unknown-customer', `there is no customer ${customerId}`));
  for (const [productId] of lines) {
    if (!prices.has(productId)) faults.push(fault('#/items', 'unknown-product', `there is no product ${productId}`));
  }
  if (faults.length > 0) throw invalid(faults);

  const items = [...lines].map(([ProductId, Quantity]) => ({ ProductId, Quantity, UnitPrice: prices.get(ProductId) }));
  // Money is counted in cents, so that no sum is off by a fraction of one.
  const cents = items.reduce((sum, item) => sum + Math.round(item.UnitPrice * 100) * item.Quantity, 0);
  if (statedTotal !== undefined && Math.round(statedTotal * 100) !== cents) {
    const detail = `is ${statedTotal}, but the catalogue's prices come to ${cents / 100}`;
    throw new Problem(409, 'total-differs', 'The total differs from the computed one', detail, [
      fault('#/totalAmount', 'total-differs', detail),
    ]);
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
  const detail = 'this idempotency key was used for another request; use a new one';
  throw new Problem(422, 'idempotency-key-reused', 'The idempotency key belongs to another request', detail);
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
  let wanted = {
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
  while (wanted && Object.keys(wanted).length > 0) {
    const { Responses, UnprocessedKeys } = await client.send(new BatchGetCommand({ RequestItems: wanted }));
    for (const product of Responses[PRODUCTS_TABLE] ?? []) prices.set(product.ProductId, product.Price);
    customer ||= (Responses[CUSTOMERS_TABLE] ?? []).length > 0;
    wanted = UnprocessedKeys;
  }
  return { customer, prices };
}

// Reading the request: all faults are told at once.

const fault = (pointer, rule, detail) => ({ pointer, rule, detail });

function readRequest(event, headers) {
  const body = parse(event, headers);
  const faults = [];
  const key = headers['idempotency-key'];
  if (key !== undefined && !IDEMPOTENCY_KEY.test(key)) {
    faults.push(fault('Idempotency-Key', 'format', 'must be 1 to 255 printable ASCII characters without the space'));
  }
  if (!isObject(body)) throw invalid([fault('#', 'type', 'must be an object'), ...faults]);
  rejectOthers(body, '#', ['customerId', 'items', 'totalAmount'], faults);
  const customerId = readId(body.customerId, '#/customerId', faults);
  const lines = readLines(body.items, faults);
  const statedTotal = readTotal(body.totalAmount, faults);
  if (faults.length > 0) throw invalid(faults);
  return { customerId, lines, statedTotal, key };
}

function parse(event, headers) {
  const type = headers['content-type'];
  if (type !== undefined && type.split(';')[0].trim().toLowerCase() !== 'application/json') {
    const title = 'The body must be declared as application/json';
    throw new Problem(415, 'unsupported-media-type', title, 'send the header Content-Type: application/json');
  }
  const text = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : (event.body ?? '');
  if (Buffer.byteLength(text) > MAX_BODY_BYTES) {
    throw new Problem(413, 'too-large', 'The body is too large', `the body must have at most ${MAX_BODY_BYTES} bytes`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Problem(400, 'not-json', 'The body is not JSON', error.message);
  }
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function rejectOthers(value, pointer, known, faults) {
  for (const name of Object.keys(value).filter((name) => !known.includes(name))) {
    const price = pointer !== '#' && (name === 'price' || name === 'unitPrice');
    const rule = price ? 'price-not-accepted' : 'unknown-field';
    faults.push(fault(`${pointer}/${encodeURIComponent(name)}`, rule, 'is not a field of this request'));
  }
}

function readId(value, pointer, faults) {
  if (value === undefined || value === null) faults.push(fault(pointer, 'required', 'is required'));
  else if (typeof value !== 'string') faults.push(fault(pointer, 'type', 'must be a string'));
  else if (!ID.test(value)) faults.push(fault(pointer, 'format', 'must be 1 to 64 characters out of A-Z a-z 0-9 - _ .'));
  return value;
}

function readQuantity(value, pointer, faults) {
  if (value === undefined || value === null) faults.push(fault(pointer, 'required', 'is required'));
  else if (typeof value !== 'number') faults.push(fault(pointer, 'type', 'must be a number'));
  else if (!Number.isInteger(value)) faults.push(fault(pointer, 'not-whole', 'must be a whole number'));
  else if (value < 1) faults.push(fault(pointer, 'below-minimum', 'must be at least 1'));
  else if (value > 1000) faults.push(fault(pointer, 'above-maximum', 'must be at most 1000'));
  return value;
}

function readLines(value, faults) {
  const lines = new Map();
  if (value === undefined || value === null) faults.push(fault('#/items', 'required', 'is required'));
  else if (!Array.isArray(value)) faults.push(fault('#/items', 'type', 'must be an array'));
  else {
    const before = faults.length;
    value.forEach((line, n) => readLine(line, `#/items/${n}`, lines, faults));
    if (faults.length > before) return lines;
    if (lines.size === 0) faults.push(fault('#/items', 'empty', 'must have at least one line item'));
    if (lines.size > 50) faults.push(fault('#/items', 'too-many', 'must not have more than 50 different products'));
    if ([...lines.values()].some((quantity) => quantity > 1000)) {
      faults.push(fault('#/items', 'above-maximum', 'the lines of one product add up to more than 1000'));
    }
  }
  return lines;
}

function readLine(line, pointer, lines, faults) {
  if (!isObject(line)) {
    faults.push(fault(pointer, 'type', 'must be an object'));
    return;
  }
  rejectOthers(line, pointer, ['productId', 'quantity'], faults);
  const productId = readId(line.productId, `${pointer}/productId`, faults);
  const quantity = readQuantity(line.quantity, `${pointer}/quantity`, faults);
  lines.set(productId, (lines.get(productId) ?? 0) + quantity);
}

function readTotal(value, faults) {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number') faults.push(fault('#/totalAmount', 'type', 'must be a number'));
  else if (value < 0) faults.push(fault('#/totalAmount', 'below-minimum', 'must not be negative'));
  else if (Math.abs(value * 100 - Math.round(value * 100)) > 1e-6) {
    faults.push(fault('#/totalAmount', 'too-precise', 'must not have more than two decimal places'));
  }
  return value;
}

function hashOf(customerId, lines, statedTotal) {
  const sorted = [...lines].sort(([one], [other]) => (one < other ? -1 : 1));
  const text = [customerId, ...sorted.map(([productId, quantity]) => `${productId} ${quantity}`)].join('\n');
  const total = statedTotal === undefined ? '' : statedTotal.toFixed(2);
  return createHash('sha256').update(`${text}\n${total}`).digest('hex');
}
