/** By it the tabs of a browser learn at once that the session began or ended. */
export const tabs = new BroadcastChannel("callbackd.session");
