package outbox

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// host is who keeps in a folder: a Monitor, and the machine it runs on.
type host struct{ instance, machine string }

// machineID names the hardware that sysfs (/sys) shows: the serial number of the board
// and the addresses that its network cards were made with, parted by blanks. A copied
// card has everything of the machine it was copied on but these. "" is a machine that
// tells neither, as in most containers.
func machineID(sysfs string) string {
	var marks []string
	if serial := sysfsWord(filepath.Join(sysfs, "firmware", "devicetree", "base", "serial-number")); serial != "" {
		marks = append(marks, serial)
	}
	cards, _ := filepath.Glob(filepath.Join(sysfs, "class", "net", "*", "device")) // what is no hardware has none
	for _, card := range cards {
		card = filepath.Dir(card)
		if sysfsWord(filepath.Join(card, "addr_assign_type")) == "0" {
			marks = append(marks, sysfsWord(filepath.Join(card, "address")))
		}
	}
	return strings.Join(marks, " ")
}

// sysfsWord reads one word; "" where there is none.
func sysfsWord(file string) string {
	b, _ := os.ReadFile(file)
	word, _, _ := strings.Cut(string(bytes.Trim(b, "\x00\n ")), " ")
	return word
}

// otherMachine reports whether two names can't be of one machine: both tell something,
// and nothing is in both. A card more or less makes no other machine.
func otherMachine(a, b string) bool {
	before, now := strings.Fields(a), strings.Fields(b)
	shared := slices.ContainsFunc(now, func(mark string) bool { return slices.Contains(before, mark) })
	return len(before) > 0 && len(now) > 0 && !shared
}
