// Whether the reader looks at this tab now: it is in front, and what they type goes to it.
export const isLookedAt = () => !document.hidden && document.hasFocus();
