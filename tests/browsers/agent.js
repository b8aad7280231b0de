// What the bridge to WebKit puts into each document: it keeps the objects that Playwright holds, and
// translates values from and to WebDriver BiDi's form. Classic WebDriver knows only JSON and elements.
const agent = {
  realm: arguments[0],
  held: new Map(), // objects by handle
  nodes: new Map(), // handles by node

  hold(object) {
    const known = object instanceof Node && agent.nodes.get(object);
    const handle = known || `${agent.realm}/${agent.held.size}`;
    agent.held.set(handle, object);
    if (object instanceof Node) agent.nodes.set(object, handle);
    return handle;
  },

  read(value) {
    const handle = value.handle ?? value.sharedId;
    if (handle !== undefined) {
      if (!agent.held.has(handle)) throw new Error(`no such handle: ${handle}`);
      return agent.held.get(handle);
    }
    switch (value.type) {
      case "undefined":
        return undefined;
      case "null":
        return null;
      case "number":
        return Number(value.value); // "NaN", "-0", "Infinity" too
      case "bigint":
        return BigInt(value.value);
      case "date":
        return new Date(value.value);
      case "regexp":
        return new RegExp(value.value.pattern, value.value.flags);
      case "array":
        return value.value.map(agent.read);
      case "set":
        return new Set(value.value.map(agent.read));
      case "object":
        return Object.fromEntries(agent.pairs(value));
      case "map":
        return new Map(agent.pairs(value));
      default:
        return value.value;
    }
  },

  pairs({ value }) {
    return value.map(([key, each]) => [
      typeof key === "string" ? key : agent.read(key),
      agent.read(each),
    ]);
  },

  write(value, owned, depth) {
    if (value === undefined || value === null) return { type: String(value) };
    if (typeof value === "number") {
      const plain = Number.isFinite(value) && !Object.is(value, -0);
      return { type: "number", value: plain ? value : Object.is(value, -0) ? "-0" : String(value) };
    }
    if (typeof value === "bigint") return { type: "bigint", value: String(value) };
    if (typeof value !== "object" && typeof value !== "function") {
      return { type: typeof value, value };
    }
    const written = agent.writeObject(value, depth);
    if (owned) written.handle = agent.hold(value);
    return written;
  },

  writeObject(value, depth) {
    const inner = (each) => agent.write(each, false, depth - 1);
    if (value === window) return { type: "window", value: { context: agent.realm.split("/")[0] } };
    if (value instanceof Node) {
      return { type: "node", sharedId: agent.hold(value), value: { localName: value.localName } };
    }
    if (value instanceof Date) return { type: "date", value: value.toISOString() };
    if (value instanceof RegExp) {
      return { type: "regexp", value: { pattern: value.source, flags: value.flags } };
    }
    if (value instanceof Error) return { type: "error" };
    if (typeof value === "function") return { type: "function" };
    const type = Array.isArray(value) ? "array" : "object";
    if (depth <= 0) return { type };
    if (type === "array") return { type, value: value.map(inner) };
    return { type, value: Object.entries(value).map(([key, each]) => [key, inner(each)]) };
  },

  async call(make, { given, owned, depth }) {
    try {
      const result = await make()(...given.map(agent.read));
      return { type: "success", result: agent.write(result, owned, depth) };
    } catch (error) {
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      const exception = { type: "error" };
      return { type: "exception", exceptionDetails: { text, exception, lineNumber: 0 } };
    }
  },
};
if (!window.__bridge) Object.defineProperty(window, "__bridge", { value: agent });
return { realm: window.__bridge.realm, url: location.href };
