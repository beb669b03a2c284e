// A faulty network on loopback: a proxy between stock clients and the server that cuts their connections,
// before, amid or after what a test says, or lets them hang.
import { once } from "node:events";
import { connect, createServer } from "node:net";

const FIN_BIT = 0x80;
const LENGTH_BITS = 0x7f;
const LENGTH_IN_TWO_BYTES = 126;
const MASK_BYTES = 4;

export class Proxy {
  #listener;
  #pairs = new Set();
  #stalled = false;
  /** Connections that were cut. */
  cuts = 0;

  /**
   * Listens, and passes on to `url`. For each piece of data `judge(fromClient, piece)` may say where to cut
   * its connection: "before", "amid" or "after" it.
   */
  static async before(url, judge = () => undefined) {
    const proxy = new Proxy();
    const { hostname, port } = new URL(url);
    proxy.#listener = createServer((client) => proxy.#pass(client, connect(port, hostname), judge));
    proxy.#listener.listen(0, "127.0.0.1");
    await once(proxy.#listener, "listening");
    proxy.url = `http://127.0.0.1:${proxy.#listener.address().port}`;
    return proxy;
  }

  #pass(client, server, judge) {
    const pair = { client, server };
    this.#pairs.add(pair);
    for (const [from, to] of [[client, server], [server, client]]) {
      from.setNoDelay(true);
      if (this.#stalled) from.pause();
      from.on("data", (piece) => {
        const place = judge(from === client, piece);
        if (!place) return to.write(piece);
        // Nothing that comes later is passed on or judged.
        for (const socket of [client, server]) socket.removeAllListeners("data").pause();
        if (place === "before") return this.#cut(pair);
        to.write(place === "amid" ? piece.subarray(0, piece.length / 2) : piece, () => this.#cut(pair));
      });
      from.on("end", () => to.end());
      // Whatever happens to one side ends the other.
      from.on("error", () => {});
      from.on("close", () => this.#end(pair));
    }
  }

  #cut(pair) {
    if (!this.#pairs.has(pair)) return;
    this.cuts += 1;
    this.#end(pair);
  }

  #end(pair) {
    this.#pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  }

  /** Cuts every connection there is. */
  cutAll() {
    for (const pair of this.#pairs) this.#cut(pair);
  }

  /** From now on, or no more, nothing is read from either side. */
  stall(stalled) {
    this.#stalled = stalled;
    for (const { client, server } of this.#pairs) {
      for (const socket of [client, server]) stalled ? socket.pause() : socket.resume();
    }
  }

  /** Ends everything. */
  async close() {
    const closed = once(this.#listener, "close");
    this.#listener.close();
    for (const pair of this.#pairs) this.#end(pair);
    await closed;
  }
}

/** The text of a WebSocket frame that a client sent, or of whatever else it is. */
export function textOf(fromClient, piece) {
  const isFrame = fromClient && piece.length > 2 && (piece[0] & FIN_BIT) !== 0 && (piece[1] & FIN_BIT) !== 0;
  if (!isFrame) return piece.toString("latin1");
  const length = piece[1] & LENGTH_BITS;
  const start = length < LENGTH_IN_TWO_BYTES ? 2 : length === LENGTH_IN_TWO_BYTES ? 4 : 10;
  const mask = piece.subarray(start, start + MASK_BYTES);
  const masked = piece.subarray(start + MASK_BYTES);
  return Buffer.from(masked.map((byte, index) => byte ^ mask[index % MASK_BYTES])).toString("latin1");
}
