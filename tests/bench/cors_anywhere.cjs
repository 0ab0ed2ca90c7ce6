// cors-anywhere on a free port, which it prints. "keep" as argument: with an agent that keeps connections to the upstream.
const http = require("node:http");
const corsAnywhere = require("cors-anywhere");

const httpProxyOptions = process.argv[2] === "keep" ? { agent: new http.Agent({ keepAlive: true }) } : {};
const server = corsAnywhere.createServer({ httpProxyOptions });
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
