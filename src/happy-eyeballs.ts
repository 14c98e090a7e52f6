/** How a name's addresses are tried (RFC 8305): in turn, each but the last for so long. */
export const HAPPY_EYEBALLS = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1000 }
