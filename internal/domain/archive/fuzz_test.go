package archive

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
)

// FuzzRead: whatever somebody uploads is refused, or read as bounded lines that come out again as they went in.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"Account address,Show boosts\n@a@b.example,false\n", "\ufeff#domain\nx.example\n", "'=list,a@b.example\n", "\"a\"\"b\n", "\x00", "a,b\n\n,,\n"} {
		for _, t := range []Type{Following, Muting, DomainBlocking, Bookmarks, Lists} {
			f.Add(string(t), s)
		}
	}
	f.Fuzz(func(t *testing.T, kind, file string) {
		if defaults[Type(kind)] == nil {
			return
		}
		lines, _, err := read(Type(kind), strings.NewReader(file))
		if err != nil {
			return
		}
		if len(lines) == 0 || len(lines) > maxRows {
			t.Fatalf("%d lines", len(lines))
		}
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		for _, l := range lines {
			if err := w.Write(l.fields(Type(kind))); err != nil {
				t.Fatal(err)
			}
		}
		w.Flush()
		in := csv.NewReader(&out)
		in.FieldsPerRecord = -1
		again, err := in.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range again {
			for _, field := range record {
				if field != "" && strings.ContainsRune("=+-@", rune(field[0])) {
					t.Fatalf("a spreadsheet would run %q", field)
				}
			}
		}
	})
}
