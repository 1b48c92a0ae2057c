/** One message of an event stream. A comment shows only that the connection lives. */
export type Frame = { kind: "comment" } | { kind: "message"; id: string | null; event: string; data: string };

/**
 * Returns a function that takes the stream's text as it comes, cut anywhere, and returns the messages that are
 * complete. It reads what our server writes: lines end with a line feed.
 */
export function newFrameReader(): (chunk: string) => Frame[] {
  let rest = "";
  return (chunk) => {
    const parts = (rest + chunk).split("\n\n");
    rest = parts.pop() ?? "";
    return parts.map(frameOf).filter((f) => f !== null);
  };
}

function frameOf(text: string): Frame | null {
  let id: string | null = null;
  let event = "message";
  const data: string[] = [];
  let comment = false;
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) {
      comment = true;
      continue;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") id = value;
    else if (field === "event") event = value;
    else if (field === "data") data.push(value);
  }
  if (data.length > 0) return { kind: "message", id, event, data: data.join("\n") };
  return comment ? { kind: "comment" } : null;
}
