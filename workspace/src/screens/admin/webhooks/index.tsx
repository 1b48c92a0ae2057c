import { Route, Switch } from "wouter";
import { WebhookDetail } from "./WebhookDetail";
import { WebhookList } from "./WebhookList";

/** Webhooks, which send what changes to other systems; and of each one how that goes. */
export function Webhooks() {
  return (
    <Switch>
      <Route path="/webhooks/:id">
        {({ id }) => (/^[1-9]\d{0,14}$/.test(id) ? <WebhookDetail key={id} id={Number(id)} /> : <WebhookList />)}
      </Route>
      <Route>
        <WebhookList />
      </Route>
    </Switch>
  );
}
