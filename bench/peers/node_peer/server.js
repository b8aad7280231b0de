// The Node peer: ws, one Set of sockets per room.
'use strict';

const { randomBytes } = require('node:crypto');
const { WebSocketServer } = require('ws');

const BACKLOG_BYTES = 1 << 20; // a connection that is further behind is closed

const rooms = new Map();

function deliver(room, message) {
  // Encoded once for all; as a Buffer, which ws sends without converting it each time.
  const payload = Buffer.from(JSON.stringify(message));
  for (const socket of room.sockets) {
    if (socket.bufferedAmount > BACKLOG_BYTES) socket.terminate();
    else socket.send(payload, { binary: false });
  }
}

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  path: '/ws',
  perMessageDeflate: false,
  maxPayload: 16 * 1024,
});

server.on('connection', (socket) => {
  let room = null;
  let member = null;

  socket.on('message', (payload) => {
    const command = JSON.parse(payload);
    if (command.type === 'join' && room === null) {
      member = { id: randomBytes(16).toString('base64url'), nick: command.nick };
      room = rooms.get(command.room);
      if (room === undefined) rooms.set(command.room, (room = { seq: 0, sockets: new Set() }));
      room.sockets.add(socket);
      socket.send(JSON.stringify({ type: 'welcome', room: command.room, seq: room.seq, member }));
    } else if (command.type === 'post' && room !== null) {
      const { id, text } = command;
      const at = new Date().toISOString();
      deliver(room, { type: 'message', seq: ++room.seq, id, member, text, at });
    }
  });
  socket.on('close', () => room?.sockets.delete(socket));
  socket.on('error', () => socket.terminate());
});
