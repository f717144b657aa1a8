// GraphiQL for this service: the token comes from the field above it, is kept in this
// tab's session storage, and travels in headers and messages, never in a URL.
"use strict";

const KEY = "taskq-token";
const endpoint = new URL(location.pathname, location.href);
const field = document.getElementById("token");
const who = document.getElementById("who");

const token = () => sessionStorage.getItem(KEY) || "";
const authorization = () => (token() ? { authorization: `Bearer ${token()}` } : {});

async function request(params) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json",
      ...authorization(),
    },
    body: JSON.stringify(params),
  });
  return response.json();
}

/** One operation over graphql-transport-ws, as the async iterator that GraphiQL reads. */
async function* follow(params) {
  const url = new URL(endpoint);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url, "graphql-transport-ws");
  const arrived = [];
  let wake = () => {};
  const put = (item) => { arrived.push(item); wake(); };
  socket.onopen = () => socket.send(JSON.stringify({ type: "connection_init", payload: authorization() }));
  socket.onclose = (event) => put({ end: true, error: event.code === 1000 ? "" : event.reason || "connection lost" });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "connection_ack") {
      socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: params }));
    } else if (message.type === "ping") {
      socket.send(JSON.stringify({ type: "pong" }));
    } else if (message.type === "next") {
      put({ value: message.payload });
    } else if (message.type === "error") {
      put({ value: { errors: message.payload } });
      put({ end: true });
    } else if (message.type === "complete") {
      put({ end: true });
    }
  };
  try {
    for (;;) {
      while (arrived.length === 0) {
        await new Promise((resolve) => { wake = resolve; });
      }
      const item = arrived.shift();
      if (item.end) {
        if (item.error) yield { errors: [{ message: item.error }] };
        return;
      }
      yield item.value;
    }
  } finally {
    socket.close(1000);
  }
}

/** Whether the operation that is to be run is a subscription. */
function isSubscription(params, options) {
  const operations = (options?.documentAST?.definitions ?? []).filter((d) => d.kind === "OperationDefinition");
  const named = operations.find((d) => d.name?.value === params.operationName);
  return (named ?? operations[0])?.operation === "subscription";
}

async function showIdentity() {
  who.className = "";
  who.textContent = "";
  if (!token()) return;
  const { data, errors } = await request({ query: "{ me { name role } }" });
  who.textContent = data?.me ? `${data.me.name}, ${data.me.role}` : errors?.[0]?.message ?? "no answer";
  who.className = data?.me ? "" : "refused";
}

const EXAMPLE = `# Queries on the left, answers on the right; Ctrl-Enter runs. Some to start from:

query latest {
  tasks(first: 10, orderBy: [{ field: NUMBER, direction: DESC }]) {
    nodes { number name status valueText seconds worker error { name message } }
    totalCount
  }
}

mutation submit {
  createTask(input: { name: "a sum", code: "sum(1:10)" }) { id number status }
}

subscription follow {
  taskChanges { version deleted tasks { number name status progress valueText } }
}
`;

const root = ReactDOM.createRoot(document.getElementById("graphiql"));
let shown = 0;

function render() {
  root.render(
    React.createElement(GraphiQL, {
      key: shown, // another token may see another schema: it is read again
      fetcher: (params, options) => (isSubscription(params, options) ? follow(params) : request(params)),
      defaultQuery: EXAMPLE,
      isHeadersEditorEnabled: false,
      shouldPersistHeaders: false,
    }),
  );
}

document.getElementById("identity").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, field.value.trim());
  field.value = "";
  shown += 1;
  render();
  showIdentity();
});

render();
showIdentity();
