/** A part of a recording, as the API takes it. */
export interface Part {
  from_seconds: number;
  to_seconds: number;
}

/** As many parts as one report takes. */
const mostParts = 100;

/**
 * The longest step between two positions, in seconds of the recording, that was played and not skipped. Positions come
 * four times a second; in a window in the background, once.
 */
const longestStep = 4;

/** Collects which parts were played. */
export class Heard {
  private parts: Part[] = [];
  private open: Part | null = null;

  /** Says that playing has come to a position. */
  at(position: number): void {
    const open = this.open;
    const step = open === null ? 0 : position - open.to_seconds;
    if (open === null || step < 0 || step > longestStep) {
      this.cut();
      this.open = { from_seconds: position, to_seconds: position };
    } else {
      open.to_seconds = position;
    }
  }

  /** Says that playing stopped, or goes on elsewhere. */
  cut(): void {
    if (this.open !== null && this.open.to_seconds > this.open.from_seconds) this.parts.push(this.open);
    this.open = null;
  }

  /** Returns what was played since the last time, for one report. */
  take(): Part[] {
    const open = this.open;
    this.cut();
    // What is being played goes on from here.
    if (open !== null) this.open = { from_seconds: open.to_seconds, to_seconds: open.to_seconds };
    return this.parts
      .splice(0, mostParts)
      .map((p) => ({ from_seconds: round(p.from_seconds), to_seconds: round(p.to_seconds) }));
  }

  /** Takes back what could not be reported. */
  untake(parts: Part[]): void {
    this.parts.unshift(...parts);
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
