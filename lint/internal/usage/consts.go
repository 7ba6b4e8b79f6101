package usage

import (
	"go/ast"
	"go/constant"
	"go/types"
	"time"
)

// ConstString returns the value of a constant text.
func ConstString(info *types.Info, e ast.Expr) (string, bool) {
	v := info.Types[e].Value
	if v == nil || v.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(v), true
}

// ConstInt returns the value of a constant whole number.
func ConstInt(info *types.Info, e ast.Expr) (int64, bool) {
	v := info.Types[e].Value
	if v == nil {
		return 0, false
	}
	return constant.Int64Val(constant.ToInt(v))
}

// ConstFloat returns the value of a constant number.
func ConstFloat(info *types.Info, e ast.Expr) (float64, bool) {
	v := info.Types[e].Value
	if v == nil || v.Kind() != constant.Int && v.Kind() != constant.Float {
		return 0, false
	}
	f, _ := constant.Float64Val(v)
	return f, true
}

// ConstDuration returns the value of a constant duration.
func ConstDuration(info *types.Info, e ast.Expr) (time.Duration, bool) {
	n, ok := ConstInt(info, e)
	return time.Duration(n), ok
}

// IsNil reports whether an expression is nil itself.
func IsNil(info *types.Info, e ast.Expr) bool { return e != nil && info.Types[e].IsNil() }
