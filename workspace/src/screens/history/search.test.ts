import { expect, test } from "vitest";
import { timesFor } from "../../site/times";
import { csvAddress, everything, faultsOf, queryOf } from "./search";

const times = timesFor("ja", "Asia/Tokyo");

test("days are the site's, and the last one counts", () => {
  const query = queryOf({ ...everything, from: "2026-11-20", to: "2026-11-20" }, times);
  expect(query).toEqual({
    registered_from: "2026-11-19T15:00:00.000Z",
    registered_to: "2026-11-20T15:00:00.000Z",
    sort: "id",
    order: "desc",
  });
});

test("what is empty, or no day, is not searched for", () => {
  expect(queryOf({ ...everything, from: "2026-13-99", number: "  " }, times)).toEqual({ sort: "id", order: "desc" });
});

test("the CSV has the filters of the search", () => {
  const search = { ...everything, call_center: ["support", "sales"], unassigned: true, number: "03-1234" };
  expect(csvAddress(queryOf(search, times))).toBe(
    "/api/v1/callbacks.csv?call_center=support%2Csales&unassigned=true&number=03-1234&sort=id&order=desc",
  );
});

test("what cannot be searched for is said before it is", () => {
  expect(faultsOf(everything)).toEqual({});
  expect(faultsOf({ ...everything, from: "2026-11-20", to: "2026-11-19" })).toEqual({ to: "toBeforeFrom" });
  expect(faultsOf({ ...everything, request_id: "リクエスト" })).toEqual({ request_id: "badRequestID" });
});
