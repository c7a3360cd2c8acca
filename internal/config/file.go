package config

import (
	"errors"
	"fmt"
	"io/fs"

	"evcp/internal/console/cell"
)

// MaxFile bounds the file in bytes; of a longer one, one byte more is enough to be
// refused. A network's addresses take a few hundred; the YAML scanner takes half a
// second for the worst file of this size, and with twice the size four times as
// long.
const MaxFile = 64 << 10

// settingsFile is what one configuration file says.
type settingsFile struct {
	path   string           // "" if there is none
	values map[string]value // by setting
}

// openFile reads the file that was named, else the first of Files that exists.
// What is wrong with it is kept in l.faults.
func (l *loader) openFile(read func(string) ([]byte, error)) settingsFile {
	if s, ok := l.setting(fileFlag); ok {
		if v, named := l.pick(s); named {
			return l.namedFile(v, read)
		}
	}
	for _, path := range l.Files {
		if source, err := read(path); !errors.Is(err, fs.ErrNotExist) {
			return l.parseFile(path, source, err)
		}
	}
	return settingsFile{}
}

// namedFile opens what --config or its variable asked for; its absence is an error.
func (l *loader) namedFile(v value, read func(string) ([]byte, error)) settingsFile {
	source, err := read(v.text)
	if errors.Is(err, fs.ErrNotExist) {
		l.faults = append(l.faults, v.fault(reasonNotThere))
		return settingsFile{}
	}
	return l.parseFile(v.text, source, err)
}

func (l *loader) parseFile(path string, source []byte, err error) settingsFile {
	path = cell.Safe(path)
	doc := parsedFile{path: path}
	switch {
	case err != nil:
		doc.reject(location{}, cell.Safe(cause(err).Error()))
	case len(source) > MaxFile:
		doc.reject(location{}, fmt.Sprintf(reasonTooBig, MaxFile>>10))
	default:
		doc.parse(source, l.Program)
	}
	l.faults = append(l.faults, doc.faults...)
	return settingsFile{path: path, values: doc.values}
}

// cause drops the path from an error of the file system: the fault names it.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
