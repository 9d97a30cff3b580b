package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomph/gomph/internal/testkit/draw"
)

// importer is an empty server that emojis are imported into. Everything lies in one folder, so that what is written beside the data is seen.
type importer struct {
	t            *testing.T
	folder, data string
	picture      []byte
}

func newImporter(t *testing.T) importer {
	t.Helper()
	folder := t.TempDir()
	i := importer{t, folder, filepath.Join(folder, "a", "b", "data"), draw.PNG(draw.Quarters(32, 32))}
	if err := os.MkdirAll(filepath.Dir(i.data), 0o700); err != nil {
		t.Fatal(err)
	}
	i.run("migrate")
	return i
}

func (i importer) run(args ...string) (string, error) {
	i.t.Helper()
	var out bytes.Buffer
	err := run(append(args, "--data", i.data, "--local-domain", "local.example"), &out, &out)
	return out.String(), err
}

// archive writes a file beside the data.
func (i importer) archive(name string, write func(io.Writer) error) string {
	i.t.Helper()
	path := filepath.Join(i.folder, name)
	f, err := os.Create(path)
	if err != nil {
		i.t.Fatal(err)
	}
	if err := write(f); err != nil {
		i.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		i.t.Fatal(err)
	}
	return path
}

// tarred makes a .tar.gz.
func (i importer) tarred(name string, write func(*tar.Writer) error) string {
	i.t.Helper()
	return i.archive(name, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		t := tar.NewWriter(z)
		if err := write(t); err != nil {
			return err
		}
		if err := t.Close(); err != nil {
			return err
		}
		return z.Close()
	})
}

// names fails the test when a file lies where none of ours would.
func (i importer) names(allowed ...string) {
	i.t.Helper()
	err := filepath.WalkDir(i.folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(i.folder, path)
		ours := d.IsDir() || strings.HasPrefix(name, filepath.Join("a", "b", "data")+string(filepath.Separator))
		for _, a := range allowed {
			ours = ours || name == a
		}
		if !ours || strings.Contains(name, "evil") || !d.IsDir() && !d.Type().IsRegular() {
			i.t.Errorf("%s was written", name)
		}
		return nil
	})
	if err != nil {
		i.t.Fatal(err)
	}
}

// hostileNames are names of entries that would lie elsewhere than in an archive's own folder.
var hostileNames = []string{"../../evil1.png", "/tmp/gomph-evil2.png", "../../../../../../../../tmp/gomph-evil3.png", `C:\evil4.png`, `..\..\evil5.png`, "evil6\x00.png", "a/../../evil7.png", "./.evil8.png", "evil9/" + strings.Repeat("x", 4096) + ".png", "//evil10.png"}

// MED-07: names in an archive are only shortcodes, links are left out, and nothing is unpacked to anywhere.
func TestNamesInArchives(t *testing.T) {
	t.Parallel()
	for kind, write := range map[string]func(importer, string) string{"tar.gz": importer.tarOfNames, "zip": importer.zipOfNames} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			i := newImporter(t)
			name := "names." + kind
			said, err := i.run("emojis", "import", write(i, name))
			if err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			i.names(name)
			for _, path := range []string{"/tmp/gomph-evil2.png", "/tmp/gomph-evil3.png"} {
				if _, err := os.Lstat(path); err == nil {
					t.Errorf("%s was written", path)
				}
			}
			list, err := i.run("emojis", "list")
			if err != nil || !strings.Contains(list, ":fine:") {
				t.Errorf("an honest picture is not there: %v %s", err, list)
			}
			for _, bad := range []string{"linked", "hard", "device", "..", `\`, "\x00", strings.Repeat("x", 100)} {
				if strings.Contains(list, bad) {
					t.Errorf("the list of emojis has %q: %s", bad, list)
				}
			}
		})
	}
}

func (i importer) tarOfNames(name string) string {
	return i.tarred(name, func(w *tar.Writer) error {
		for _, name := range append(hostileNames, "fine.png") {
			if strings.Contains(name, "\x00") {
				continue // the format has none; the zip has
			}
			if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(i.picture)), Mode: 0o777, Typeflag: tar.TypeReg}); err != nil {
				return err
			}
			if _, err := w.Write(i.picture); err != nil {
				return err
			}
		}
		for _, h := range []*tar.Header{
			{Name: "linked.png", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}, {Name: "hard.png", Linkname: "../../../../etc/passwd", Typeflag: tar.TypeLink}, {Name: "device.png", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5},
			{Name: "fifo-device.png", Typeflag: tar.TypeFifo}, {Name: "folder-device.png/", Typeflag: tar.TypeDir, Mode: 0o777},
		} {
			if err := w.WriteHeader(h); err != nil {
				return err
			}
		}
		return nil
	})
}

func (i importer) zipOfNames(name string) string {
	return i.archive(name, func(w io.Writer) error {
		z := zip.NewWriter(w)
		add := func(name string, mode fs.FileMode, body []byte) error {
			h := &zip.FileHeader{Name: name, Method: zip.Deflate}
			h.SetMode(mode)
			f, err := z.CreateHeader(h)
			if err != nil {
				return err
			}
			_, err = f.Write(body)
			return err
		}
		for _, name := range append(hostileNames, "fine.png") {
			if err := add(name, 0o777, i.picture); err != nil {
				return err
			}
		}
		if err := add("linked.png", fs.ModeSymlink|0o777, []byte("/etc/passwd")); err != nil {
			return err
		}
		if err := add("device.png", fs.ModeDevice|0o777, nil); err != nil {
			return err
		}
		return z.Close()
	})
}

// MED-07: an archive that unpacks to more than anybody needs is given up with words. Without the bounds this would read 50 GB, or a list that fills
// the memory.
func TestArchivesThatGrow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		write func(i importer, name string) string
		says  string
	}{
		"large.tar.gz": {importer.largeTar, "128 MB"},
		"many.tar.gz":  {importer.manyTarred, "20000 files"},
		"many.zip":     {importer.manyZipped, "20000 files"},
		"full.zip":     {importer.fullZip, "128 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newImporter(t)
			said, err := i.run("emojis", "import", c.write(i, name))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: %.500s", err, said)
			}
			i.names(name)
		})
	}
}

// largeTar is one file of 50 GB of zeros, in 50 MB.
func (i importer) largeTar(name string) string {
	const part, parts = 16 << 20, 3200
	packed := func(body []byte) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(body)
		_ = z.Close()
		return b.Bytes()
	}
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "large.png", Size: part * parts, Typeflag: tar.TypeReg}); err != nil {
		i.t.Fatal(err)
	}
	zeros := packed(make([]byte, part))
	return i.archive(name, func(w io.Writer) error {
		_, err := w.Write(packed(head.Bytes()))
		for n := 0; n < parts && err == nil; n++ {
			_, err = w.Write(zeros)
		}
		return err
	})
}

func (i importer) manyTarred(name string) string {
	return i.tarred(name, func(w *tar.Writer) error {
		for n := range 3 * maxEmojis {
			if err := w.WriteHeader(&tar.Header{Name: fmt.Sprint(n), Typeflag: tar.TypeReg}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (i importer) manyZipped(name string) string {
	return i.archive(name, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for n := range 5 * maxEmojis {
			if _, err := z.CreateRaw(&zip.FileHeader{Name: fmt.Sprint(n)}); err != nil {
				return err
			}
		}
		return z.Close()
	})
}

// fullZip has thousands of pictures that are too large, each of a few hundred bytes.
func (i importer) fullZip(name string) string {
	return i.archive(name, func(w io.Writer) error {
		var packed bytes.Buffer
		d, err := flate.NewWriter(&packed, flate.BestSpeed)
		if err != nil {
			return err
		}
		body := make([]byte, 1<<19)
		_, _ = d.Write(body)
		_ = d.Close()
		z := zip.NewWriter(w)
		for n := range 600 {
			f, err := z.CreateRaw(&zip.FileHeader{Name: fmt.Sprintf("%d.png", n), Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(body),
				CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(len(body))})
			if err != nil {
				return err
			}
			if _, err := f.Write(packed.Bytes()); err != nil {
				return err
			}
		}
		return z.Close()
	})
}
