package checkup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// slowSync is what creating a file and making it last may take, of a hundred times the worst but one (requirement F2).
	slowSync = 50 * time.Millisecond
	syncs    = 100
	// littleRoom and noRoom are the parts of a disk, in percent, that must be free: full disks stop databases.
	littleRoom = 10
	noRoom     = 3
	// someRoom is enough room in bytes for a day's work, whatever part of a large disk it is; hardlyRoom is what an upload and a backup's step need.
	someRoom   = 20 << 30
	hardlyRoom = 1 << 30
)

// networked are the kinds of file systems that lie on another machine or go through a program, so that each access takes a while.
var networked = map[string]string{
	"nfs": "lies on another machine (NFS)", "cifs": "lies on another machine (CIFS)", "smb": "lies on another machine (SMB)", "smb2": "lies on another machine (SMB)",
	"ceph": "lies on other machines (Ceph)", "afs": "lies on another machine (AFS)", "9p": "lies outside of this virtual machine (9p)",
	"fuse": "goes through another program (FUSE)",
}

// Folder looks at the file system of a folder: what kind it is, and how fast files become lasting (requirement F2). It makes a small file
// a hundred times, and removes it. A folder that is not there is a warning if it can be made, since the first start does that.
func Folder(_ context.Context, dir string) Outcome {
	kind, err := kindOf(dir)
	if errors.Is(err, os.ErrNotExist) {
		return judgeMissing(dir)
	}
	if err != nil {
		return Fail("%s cannot be looked at: %v; name a folder in GOMPH_DATA", dir, err)
	}
	times, err := Times(syncs, func() error { return createAndSync(dir) })
	if err != nil {
		return Fail("files cannot be written in %s: %v; give the folder to the user that gomph runs as, or name another one in GOMPH_DATA", dir, err)
	}
	return judgeFolder(dir, kind, Percentile(times, 99))
}

// judgeMissing says what it means that a folder is not there: nothing yet, if one can be made where it will be. That is tried, and undone.
func judgeMissing(dir string) Outcome {
	tried, err := os.MkdirTemp(standing(dir), ".checkup-")
	if err == nil {
		err = os.Remove(tried)
	}
	if err != nil {
		return Fail("there is no folder %s, and it cannot be made: %v; make it, for the user that gomph runs as, or name another one in GOMPH_DATA", dir, err)
	}
	return Warn("nothing was started here yet: there is no folder %s, gomph serve makes it; if it is elsewhere, name it in GOMPH_DATA", dir)
}

// standing is a folder, or the nearest one above it that is there. A link that leads nowhere is there: no folder can be made in its place.
func standing(dir string) string {
	for _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) && dir != filepath.Dir(dir); _, err = os.Lstat(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

// judgeFolder says what a kind of file system and its slowest writes mean.
func judgeFolder(dir, kind string, p99 time.Duration) Outcome {
	slow := fmt.Sprintf("creating a file and making it last takes %s there (p99)", p99.Round(10*time.Microsecond))
	switch {
	case kind == "tmpfs" || kind == "ramfs":
		return Fail("%s lies in memory (%s) and is lost when the machine stops: move it to a disk", dir, kind)
	case networked[kind] != "":
		return Warn("%s %s, and %s; prefer a local disk, or S3_ENABLED=true, which is made for it", dir, networked[kind], slow)
	case p99 > slowSync:
		return Warn("%s: that is more than %s, move %s to a faster disk", slow, slowSync, dir)
	}
	return Well("%s; %s", orUnknown(kind), slow)
}

func orUnknown(kind string) string {
	if kind == "" {
		return "a file system of no known kind"
	}
	return strings.ToLower(kind)
}

func createAndSync(dir string) error {
	f, err := os.CreateTemp(dir, ".checkup-")
	if err != nil {
		return err
	}
	_, err = f.WriteString("x")
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// Room looks at how much room is left on the disk of a folder, or on the one where it will be made.
func Room(_ context.Context, dir string) Outcome {
	free, all, err := room(standing(dir))
	if err != nil {
		return Fail("the room on the disk of %s cannot be told: %v", dir, err)
	}
	return judgeRoom(dir, free, all)
}

// judgeRoom says what it means that so many bytes of all are free.
func judgeRoom(dir string, free, all int64) Outcome {
	part := 100 * float64(free) / float64(max(all, 1))
	left := fmt.Sprintf("%.1f GB of %.1f GB (%.0f %%) are free on the disk of %s", float64(free)/1e9, float64(all)/1e9, part, dir)
	switch {
	case free < hardlyRoom || part < noRoom && free < someRoom:
		return Fail("%s: make room at once, a full disk stops everything", left)
	case part < littleRoom && free < someRoom:
		return Warn("%s: make room, or keep files elsewhere (S3_ENABLED)", left)
	}
	return Well("%s", left)
}
