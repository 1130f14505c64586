// A minimal runtime interface client: requests an invocation, calls the handler, and
// sends its response, all on one keep-alive connection.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const { handler } = createRequire(import.meta.url)('./dist/handler.cjs');

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const options = { host, port, agent, method, path: `/2018-06-01/runtime${path}`, headers };
    const outgoing = request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

for (;;) {
  const { headers, body } = await call('GET', '/invocation/next');
  const id = headers['lambda-runtime-aws-request-id'];
  try {
    const response = await handler(JSON.parse(body));
    await call('POST', `/invocation/${id}/response`, JSON.stringify(response));
  } catch (error) {
    const report = { errorType: error.name, errorMessage: error.message, stackTrace: [] };
    await call('POST', `/invocation/${id}/error`, JSON.stringify(report));
  }
}
