import type { components } from "./schema.gen";

type Schemas = components["schemas"];

// The contract's records, under the names by which the page speaks of them.
export type Call = Schemas["Call"];
export type CallDetail = Schemas["CallDetail"];
export type Callback = Schemas["Callback"];
export type CallbackDetail = Schemas["CallbackDetail"];
export type CallbackChange = Schemas["CallbackChange"];
export type CallbackList = Schemas["CallbackList"];
export type HistoryEntry = Schemas["HistoryEntry"];
export type Status = Schemas["Status"];
export type PhonebookEntry = Schemas["PhonebookEntry"];
export type Me = Schemas["Me"];
export type Recording = Schemas["Recording"];
export type Role = Schemas["Role"];
export type Site = Schemas["Site"];
export type ChangeEvent = Schemas["Event"];
export type Webhook = Schemas["Webhook"];
export type CreatedWebhook = Schemas["CreatedWebhook"];
export type WebhookDelivery = Schemas["WebhookDelivery"];
export type WebhookOutcome = Schemas["WebhookOutcome"];
