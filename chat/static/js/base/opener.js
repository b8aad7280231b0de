// Lets buttons open a box whose code is fetched when it is first needed.

// `load()` gives the box, which has an open(); `parts` fetches it. If it cannot be fetched,
// `missing()` says so, and the next press tries again. Gives { open(), get() }: `get` fetches the box
// without opening it.
export function openOnDemand(buttons, parts, load, missing) {
  let loading = null;
  const get = () => (loading ??= parts.get(load).catch(() => (loading = null)));
  const open = async () => {
    const box = await get();
    if (box) box.open();
    else missing();
  };
  for (const button of buttons) button.addEventListener("click", open);
  return { open, get };
}
