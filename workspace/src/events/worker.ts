// The shared worker in which the hub runs: one for all tabs of a browser, which allows only six connections to a host.
import { Hub, type Request, type Tab } from "./hub";
import { tabLock } from "./line";

const hub = new Hub();

function onConnect(port: MessagePort): void {
  const tab: Tab = { send: (report) => port.postMessage(report) };
  port.onmessage = (message: MessageEvent<{ hello: string } | Request>) => {
    if (!("hello" in message.data)) {
      hub.handle(tab, message.data);
      return;
    }
    hub.add(tab);
    // A port does not tell that its tab has gone, but the tab's lock becomes free then.
    void navigator.locks.request(tabLock(message.data.hello), () => hub.remove(tab));
  };
}

addEventListener("connect", (event) => {
  const port = (event as MessageEvent).ports[0];
  if (port) onConnect(port);
});
