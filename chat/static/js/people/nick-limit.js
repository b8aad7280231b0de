export const NICK_LIMIT = 32; // code points, as the server counts
