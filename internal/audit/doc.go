// Package audit owns board.db, the file of what people entered at Central's page, and its
// audit log. A change and its line in the log are one transaction: after a kill both are there
// or neither. Lines are only added; the file itself refuses to change or remove one.
package audit
