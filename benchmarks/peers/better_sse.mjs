// Node with better-sse: one channel, broadcast. `POST /publish` sends its body to all who watch.
import { createServer } from "node:http";
import { createChannel, createSession } from "better-sse";

const channel = createChannel();

createServer(async (request, response) => {
  if (request.method === "POST") {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    channel.broadcast(Buffer.concat(pieces).toString(), "tiles");
    response.writeHead(200, { "content-length": "0" }).end();
    return;
  }
  channel.register(await createSession(request, response, { serializer: (data) => data }));
}).listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 });
