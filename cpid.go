package evcp

import (
	"fmt"
	"strconv"
)

// CPID names one charge point, as OCPP's charge point identity does: 1 to 64 of
// A-Z a-z 0-9 . _ -. A value of this type has been through ParseCPID, so it can
// stand in a wire message, a file name, a log line or a page without escaping.
type CPID string

// maxCPID is the longest id in bytes. It keeps every message of the protocol far
// below the 1 KiB that a peer reads at most.
const maxCPID = 64

// ParseCPID checks an id that came from outside. The error names the input and
// says what is allowed.
func ParseCPID(s string) (CPID, error) {
	if s == "" || len(s) > maxCPID {
		return "", fmt.Errorf("%s: a charge point id has 1 to %d characters", quoteShort(s), maxCPID)
	}
	for i := range len(s) {
		if !idByte(s[i]) {
			return "", fmt.Errorf("%s: a charge point id holds only A-Z a-z 0-9 . _ -", quoteShort(s))
		}
	}
	return CPID(s), nil
}

func idByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// quoteShort escapes a rejected input for an error message. Nobody wants a
// kilobyte of it there.
func quoteShort(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
