package outbox

import (
	"errors"

	"github.com/ncruces/go-sqlite3"

	"evcp/internal/folder"
)

// A file that is put aside is one of these.
const (
	corrupt = "corrupt"
	foreign = "foreign"
	newer   = "newer"
)

// unusable says in one word why a file must be put aside; "" when the trouble is
// not the file's.
func unusable(err error) string {
	switch {
	case errors.Is(err, errForeign):
		return foreign
	case errors.Is(err, errNewer):
		return newer
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB), errors.Is(err, errContent):
		return corrupt
	}
	return ""
}

// why is the same for people, in one line.
func why(err error) string {
	switch unusable(err) {
	case foreign:
		return errForeign.Error()
	case newer:
		return errNewer.Error()
	}
	return folder.OneLine(err)
}
