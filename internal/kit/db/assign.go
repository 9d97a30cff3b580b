package db

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
)

// assign copies a value that SQLite gave to where a caller wants it. Nothing is converted but numbers to truth: a text that
// lands in a number is a mistake of the program.
func assign(into any, v driver.Value) error {
	switch to := into.(type) {
	case *string:
		if s, ok := v.(string); ok {
			*to = s
			return nil
		}
	case *int64:
		if n, ok := v.(int64); ok {
			*to = n
			return nil
		}
	case *bool:
		if n, ok := v.(int64); ok {
			*to = n != 0
			return nil
		}
	case *any:
		*to = v
		return nil
	case sql.Scanner:
		return to.Scan(v)
	}
	return assignByKind(reflect.ValueOf(into), v)
}

// assignByKind serves types of our own, and the rare ones.
func assignByKind(into reflect.Value, v driver.Value) error {
	if into.Kind() != reflect.Pointer || into.IsNil() {
		return fmt.Errorf("a %s is nothing to read into", into.Type())
	}
	to := into.Elem()
	if to.Kind() == reflect.Pointer { // may be NULL
		if v == nil {
			to.SetZero()
			return nil
		}
		to.Set(reflect.New(to.Type().Elem()))
		return assign(to.Interface(), v)
	}
	switch v := v.(type) {
	case int64:
		switch {
		case to.CanInt() && !to.OverflowInt(v):
			to.SetInt(v)
			return nil
		case to.Kind() == reflect.Bool:
			to.SetBool(v != 0)
			return nil
		case to.CanFloat():
			to.SetFloat(float64(v))
			return nil
		}
	case bool:
		if to.Kind() == reflect.Bool {
			to.SetBool(v)
			return nil
		}
	case string:
		switch {
		case to.Kind() == reflect.String:
			to.SetString(v)
			return nil
		case to.Type() == reflect.TypeFor[[]byte]():
			to.SetBytes([]byte(v))
			return nil
		}
	case []byte:
		switch {
		case to.Type() == reflect.TypeFor[[]byte]():
			to.SetBytes(v)
			return nil
		case to.Kind() == reflect.String:
			to.SetString(string(v))
			return nil
		}
	case float64:
		if to.CanFloat() {
			to.SetFloat(v)
			return nil
		}
	}
	return fmt.Errorf("a %T does not fit into a %s", v, to.Type())
}
