package operations

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"evcp"
	"evcp/internal/audit"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/sqlite"
)

// Port is what the file of ports says of a port, as it is written there. Its lines are the
// charge points that it was, one after the other.
type Port struct {
	Cells map[string]string // by column, without those of Lines
	Lines []map[string]string
}

// Errors of ports.
var (
	ErrNoPort    = language.Coded("no_port")
	ErrPortsFile = language.Coded("ports_of_file")
)

// lineColumns are the columns of a charge point that a port was; the others are the port's.
var lineColumns = []string{"cp_id", "commissioned", "decommissioned"}

// maxPortLines bounds the lines of all ports.
const maxPortLines = 100_000

// portSet is a file of ports in memory.
type portSet struct {
	lines []ledger.PortCells
	byCP  map[evcp.CPID]map[string]string // the cells of the line
	file  bool                            // of --ports
}

// newPortSet checks the lines of a file.
func newPortSet(lines []ledger.PortCells) (portSet, error) {
	if len(lines) > maxPortLines {
		return portSet{}, FieldError(Fields.Ports, language.Coded("most_lines", maxPortLines))
	}
	if _, err := ledger.PortsOf(lines, time.UTC); err != nil {
		return portSet{}, FieldError(Fields.Ports, err)
	}
	set := portSet{lines: lines, byCP: make(map[evcp.CPID]map[string]string, len(lines))}
	for _, l := range lines {
		set.byCP[evcp.CPID(l.Cells["cp_id"])] = l.Cells
	}
	return set, nil
}

// nameOf is the port of a line.
func nameOf(cells map[string]string) string {
	if cells["port"] != "" {
		return cells["port"]
	}
	return cells["cp_id"]
}

// ports puts the lines of each port together.
func (p portSet) ports() (all []Port) {
	at := map[string]int{}
	for _, l := range p.lines {
		name := nameOf(l.Cells)
		i, known := at[name]
		if !known {
			i = len(all)
			at[name] = i
			cells := maps.Clone(l.Cells)
			cells["port"] = name
			maps.DeleteFunc(cells, func(column, cell string) bool { return slices.Contains(lineColumns, column) || cell == "" })
			all = append(all, Port{Cells: cells})
		}
		line := map[string]string{}
		for _, column := range lineColumns {
			line[column] = l.Cells[column]
		}
		all[i].Lines = append(all[i].Lines, line)
	}
	return all
}

// linesOf are the lines of ports, numbered as in a file with a first line of columns.
func linesOf(ports []Port) (lines []ledger.PortCells) {
	for _, p := range ports {
		for _, l := range p.Lines {
			cells := maps.Clone(p.Cells)
			maps.Copy(cells, l)
			lines = append(lines, ledger.PortCells{Line: len(lines) + 2, Cells: cells})
		}
	}
	return lines
}

// loadPorts reads the lines in a file.
func loadPorts(db *sqlite.DB) (lines []ledger.PortCells, err error) {
	err = db.Query(`SELECT cells FROM ports ORDER BY line`, func(row *sqlite.Stmt) error {
		l := ledger.PortCells{Line: len(lines) + 2}
		lines = append(lines, l)
		return json.Unmarshal(row.ColumnRawText(0), &lines[len(lines)-1].Cells)
	})
	return lines, err
}

// ReadPorts are the lines that people entered, in a board.db or a copy of it; none without one.
func ReadPorts(path string) (lines []ledger.PortCells, err error) {
	err = audit.ReadFile(path, func(db *sqlite.DB) error {
		lines, err = loadPorts(db)
		return err
	})
	return lines, err
}

// UsePortsFile has the lines of the file of --ports in the place of those that people entered:
// those can't be changed then. Lines that are wrong change nothing.
func (s *Store) UsePortsFile(lines []ledger.PortCells) error {
	set, err := newPortSet(lines)
	if err != nil {
		return err
	}
	set.file = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setPorts(set)
	return nil
}

// setPorts takes ports in use. The caller holds the lock.
func (s *Store) setPorts(set portSet) {
	var what []Touched
	for cp, cells := range set.byCP {
		if !maps.Equal(cells, s.ports.byCP[cp]) {
			what = append(what, Touched{CP: cp})
		}
	}
	for cp := range s.ports.byCP {
		if set.byCP[cp] == nil {
			what = append(what, Touched{CP: cp})
		}
	}
	s.ports = set
	s.touch(what...)
}

// Ports are the ports in use.
func (s *Store) Ports() []Port { return s.portSet().ports() }

// PortLines are the lines of the ports in use.
func (s *Store) PortLines() []ledger.PortCells { return s.portSet().lines }

func (s *Store) portSet() portSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ports
}

// ReplacePorts enters ports in the place of all.
func (s *Store) ReplacePorts(c *audit.BoardChange, lines []ledger.PortCells) error {
	set, err := newPortSet(lines)
	if err != nil {
		return err
	}
	was := s.portSet()
	if was.file {
		return ErrPortsFile
	}
	c.Line(audit.ReplacePorts, strconv.Itoa(len(lines))+" lines", portsLine(was.lines), portsLine(lines))
	return s.writePorts(c, set)
}

// portsLine is a whole file of ports in the audit log: its hash, and where it is short its text.
func portsLine(lines []ledger.PortCells) any {
	text := ledger.WritePortCells(lines)
	sum := sha256.Sum256(text)
	line := map[string]any{"lines": len(lines), "sha256": hex.EncodeToString(sum[:])}
	if len(text) < audit.MaxValue/2 {
		line["csv"] = string(text)
	}
	return line
}

// PutPort enters one port, in the place of what was entered of it. name is what it was called
// until now; where p has another name it is renamed.
func (s *Store) PutPort(c *audit.BoardChange, name string, p Port) error {
	was := s.portSet()
	if was.file {
		return ErrPortsFile
	}
	all := was.ports()
	i := slices.IndexFunc(all, func(o Port) bool { return o.Cells["port"] == name })
	var before any
	created := i < 0
	if created {
		if p.Cells["port"] != name {
			return ErrNoPort
		}
		all = append(all, p)
	} else {
		before, all[i] = all[i], p
	}
	for n, o := range all {
		if n != i && !created && o.Cells["port"] == p.Cells["port"] {
			return FieldError(Fields.Port, language.Coded("port_taken", strconv.Quote(p.Cells["port"])))
		}
	}
	set, err := newPortSet(linesOf(all))
	if err != nil {
		return err
	}
	c.Line(audit.PutPort, name, before, p)
	return s.writePorts(c, set)
}

// RemovePort removes a port. Its history stays, as that of a charge point.
func (s *Store) RemovePort(c *audit.BoardChange, name string) error {
	was := s.portSet()
	if was.file {
		return ErrPortsFile
	}
	all := was.ports()
	i := slices.IndexFunc(all, func(o Port) bool { return o.Cells["port"] == name })
	if i < 0 {
		return ErrNoPort
	}
	c.Line(audit.RemovePort, name, all[i], nil)
	set, err := newPortSet(linesOf(slices.Delete(all, i, i+1)))
	if err != nil {
		return err
	}
	return s.writePorts(c, set)
}

func (s *Store) writePorts(c *audit.BoardChange, set portSet) error {
	if err := c.DB.Exec(`DELETE FROM ports`); err != nil {
		return err
	}
	for i, l := range set.lines {
		cells := maps.Clone(l.Cells)
		maps.DeleteFunc(cells, func(_, cell string) bool { return cell == "" })
		text, err := json.Marshal(cells)
		if err != nil {
			return err
		}
		if err := c.DB.Exec(`INSERT INTO ports (line, cells) VALUES (?,?)`, i, string(text)); err != nil {
			return err
		}
	}
	c.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.ports.file {
			s.setPorts(set)
		}
	})
	return nil
}
