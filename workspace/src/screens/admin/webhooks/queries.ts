import { useQuery } from "@tanstack/react-query";
import { api, read } from "../../../api/client";
import type { WebhookDelivery } from "../../../api/types";

/** How often what is shown is asked for again, in milliseconds: the event stream says nothing of webhooks. */
export const interval = 5_000;

/** How often it is while somebody waits for what comes of a request. */
const shortInterval = 700;

export function useWebhooks() {
  return useQuery({
    queryKey: ["webhooks", "list"],
    queryFn: ({ signal }) => read(api.GET("/webhooks", { signal })),
    refetchInterval: interval,
    staleTime: 0,
  });
}

export function useWebhook(id: number) {
  return useQuery({
    queryKey: ["webhooks", "one", id],
    queryFn: ({ signal }) => read(api.GET("/webhooks/{id}", { params: { path: { id } }, signal })),
    refetchInterval: interval,
    staleTime: 0,
  });
}

/** A delivery, for as long as it is awaited. */
export function useDelivery(id: number, delivery: number) {
  return useQuery({
    queryKey: ["webhooks", "delivery", id, delivery],
    queryFn: ({ signal }) =>
      read(
        api.GET("/webhooks/{id}/deliveries/{delivery_id}", { params: { path: { id, delivery_id: delivery } }, signal }),
      ),
    refetchInterval: ({ state }) => (state.data?.state === "pending" ? pauseOf(state.data) : false),
    staleTime: 0,
  });
}

/** What waits for a later try is asked for as seldom as everything else. */
function pauseOf(delivery: WebhookDelivery): number {
  return delivery.outcome === null ? shortInterval : interval;
}
