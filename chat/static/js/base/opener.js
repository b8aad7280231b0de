// Opens what is fetched when it is first asked for.

// The buttons open what `load()` gives, which has an open(), once `parts` has fetched it; where it
// cannot be had, `missing()` says so, and the next press asks again. Gives a function that fetches
// without opening.
export function openOnDemand(buttons, parts, load, missing) {
  let loading = null;
  const get = () => (loading ??= parts.get(load).catch(() => (loading = null)));
  const open = async () => {
    const box = await get();
    if (box) box.open();
    else missing();
  };
  for (const button of buttons) button.addEventListener("click", open);
  return get;
}
