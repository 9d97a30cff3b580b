package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// Disk is the name of the place of files that is GOMPH_DATA/system.
const Disk = "disk"

// PlaceFile reads the lines of a file that say where files are on an S3 server. Lines that say something else are left out, so that a whole
// settings file will do.
func PlaceFile(path string) (*Files, error) {
	lines, err := ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s, which should say where files are: %w", path, err)
	}
	f := &Files{}
	v := reflect.ValueOf(f).Elem()
	for _, s := range Settings() {
		field, ours := v.Type().FieldByName(reflect.TypeFor[Config]().FieldByIndex(s.Index).Name)
		if s.Group != "Files" || !ours {
			continue
		}
		text := s.Default
		if i := slices.IndexFunc(s.Env, func(name string) bool { return lines[name] != "" }); i >= 0 {
			text = lines[s.Env[i]]
		}
		switch into := v.FieldByIndex(field.Index); into.Kind() {
		case reflect.String:
			into.SetString(text)
		case reflect.Int, reflect.Int64:
			n, err := strconv.ParseInt(text, 10, 64)
			if text != "" && err != nil {
				return nil, fmt.Errorf("%s: %s must be a number, not %q", path, s.Env[0], text)
			}
			into.SetInt(n)
		}
	}
	f.S3Enabled = "true"
	if err := f.checkFiles(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}
