// Signs what it is told with the SDKs of others: one JSON object in, an array of cases; one out, an array of queries.
import crypto from "node:crypto";
import COS from "cos-nodejs-sdk-v5";
import { S3RequestPresigner } from "@aws-sdk/s3-request-presigner";

class Sha256 {
  constructor(secret) {
    this.hash = secret ? crypto.createHmac("sha256", secret) : crypto.createHash("sha256");
  }
  update(data) {
    this.hash.update(data);
  }
  async digest() {
    return this.hash.digest();
  }
}

async function amazon(c) {
  const credentials = { accessKeyId: c.access_key, secretAccessKey: c.secret_key };
  if (c.session_token) credentials.sessionToken = c.session_token;
  const presigner = new S3RequestPresigner({ credentials, region: c.region, sha256: Sha256 });
  const [hostname, port] = c.host.split(":");
  const request = { method: c.method, protocol: "http:", hostname, path: c.path, query: c.query, headers: { host: c.host, ...c.headers } };
  if (port) request.port = Number(port);
  const signed = await presigner.presign(request, { signingDate: new Date(c.unix_s * 1000), expiresIn: c.life_s });
  return signed.query;
}

function tencent(c) {
  const times = `${c.unix_s};${c.unix_s + c.life_s}`;
  const text = COS.getAuthorization({ SecretId: c.access_key, SecretKey: c.secret_key, Method: c.method, Pathname: decodeURIComponent(c.path),
    Query: c.query, Headers: { host: c.host, ...c.headers }, KeyTime: times });
  return Object.fromEntries(text.split("&").map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}

let text = "";
for await (const chunk of process.stdin) text += chunk;
const answers = [];
for (const c of JSON.parse(text)) answers.push({ amazon: await amazon(c), tencent: tencent(c) });
process.stdout.write(JSON.stringify(answers));
