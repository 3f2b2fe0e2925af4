// lane of the race -> the first stage that learns; null: the head alone.
export const LANES = { head: null, "last stage": "layer4", scratch: "stem" };
