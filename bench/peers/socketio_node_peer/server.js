// The Socket.IO peer: one of several processes, which share their rooms by the Redis streams adapter.
'use strict';

const { randomBytes } = require('node:crypto');
const { createServer } = require('node:http');
const { createAdapter } = require('@socket.io/redis-streams-adapter');
const { createClient } = require('redis');
const { Server } = require('socket.io');

async function main() {
  const redis = createClient({ url: process.argv[3] });
  await redis.connect();
  const server = createServer();
  const io = new Server(server, {
    adapter: createAdapter(redis),
    transports: ['websocket'], // so no client needs to come back to the same process
    pingInterval: 600_000, // no ping during a measurement: its bytes would count as deliveries
    serveClient: false,
  });

  io.on('connection', (socket) => {
    let room = null;
    let member = null;

    socket.on('join', (command) => {
      ({ room } = command);
      member = { id: randomBytes(16).toString('base64url'), nick: command.nick };
      socket.join(room);
      socket.emit('welcome', { room, member });
    });
    socket.on('post', async ({ id, text }) => {
      const seq = await redis.incr(`seq:${room}`);
      const at = new Date().toISOString();
      io.to(room).emit('message', { type: 'message', seq, id, member, text, at });
    });
  });
  server.listen(Number(process.argv[2]), '127.0.0.1');
}

main();
