package outbox

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"evcp"
)

// A folder that was copied to a second machine has the first one's numbers, whether
// the second has a name of its own or is a whole copy of the card.
func TestAnotherHostBeginsANewEpoch(t *testing.T) {
	charger := sysfs(t, "10000000a1b2c3d4\x00", "b8:27:eb:00:00:01")
	replaced := sysfs(t, "10000000a1b2c3d4\x00", "00:1c:42:00:00:09") // another network card
	clone := sysfs(t, "10000000ffffffff\x00", "b8:27:eb:00:00:02")
	container := sysfs(t, "")
	for _, tt := range []struct {
		name  string
		lives []hostStart
	}{
		{"a name", []hostStart{{"one", charger, false}, {"one", charger, false}, {"two", charger, true}, {"two", charger, false}, {"one", charger, true}}},
		{"a copied card", []hostStart{{"one", charger, false}, {"one", clone, true}, {"one", clone, false}, {"one", charger, true}}},
		{"a new network card", []hostStart{{"one", charger, false}, {"one", replaced, false}}},
		{"a machine that tells nothing", []hostStart{{"one", container, false}, {"one", container, false}, {"one", charger, false}, {"one", container, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for i, l := range tt.lives {
				if got := l.renumbers(t, dir); got != l.renumber {
					t.Errorf("life %d, instance %s: renumber is %t", i+1, l.instance, got)
				}
			}
		})
	}
}

// hostStart is a start and a stop on some host.
type hostStart struct {
	instance, sysfs string
	renumber        bool
}

// renumbers lives on dir, and reports whether that began a new epoch.
func (l hostStart) renumbers(t *testing.T, dir string) bool {
	o, err := Open(dir, Options{Instance: l.instance, sysfs: l.sysfs})
	if err != nil {
		t.Fatal(err)
	}
	renumber := o.Renumber("CP_001")
	p := evcp.Policy{Fall: 3, Rise: 1, Instance: l.instance}
	s, events := p.Next(o.State("CP_001"), evcp.Observation{CP: "CP_001", Kind: evcp.Started, At: evcp.StampOf(time.Now()), Renumber: renumber}, nil)
	o.Append(Batch{Generation: o.Generation(), CP: "CP_001", Events: events, State: s})
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return renumber
}

// sysfs is what the kernel shows of a board and its network cards, and beside them
// what every machine has: a loopback, and a bridge with an address that was made up.
func sysfs(t *testing.T, serial string, cards ...string) string {
	root := t.TempDir()
	write := func(path, content string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if serial != "" {
		write("firmware/devicetree/base/serial-number", serial)
	}
	for _, soft := range []string{"lo", "br0"} {
		write("class/net/"+soft+"/address", "00:00:00:00:00:00\n")
		write("class/net/"+soft+"/addr_assign_type", "0\n")
	}
	write("class/net/wlan1/device/uevent", "")
	write("class/net/wlan1/address", "12:34:56:78:9a:bc\n")
	write("class/net/wlan1/addr_assign_type", "3\n")
	for i, address := range cards {
		card := "class/net/eth" + string(rune('0'+i))
		write(card+"/device/uevent", "")
		write(card+"/address", address+"\n")
		write(card+"/addr_assign_type", "0\n")
	}
	return root
}
