package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/code"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/filter"
)

// Expressions are written in CEL. They see the document as the client sent it, typed by the
// tenant's schemas. The variable resource is the document. Each extension has a variable with the
// name of its schema, such as enterpriseUser. An attribute without a value is "", 0, false or an
// empty list; has() shows whether it has a value.

const (
	// resourceVariable is the document in an expression.
	resourceVariable = "resource"
	// groupsVariable is the list of the names of the tenant's groups that a user is in. Only rules
	// about roles have it, because a document that is stored has no groups.
	groupsVariable = "groups"
)

// names returns the names of all variables.
func (l *language) names() []string {
	out := scim.SortedNames(l.variables)
	if l.groups {
		out = append(out, groupsVariable)
	}
	slices.Sort(out)
	return out
}

// Limits for the cost of an expression, in CEL's unit of cost. The first limits the estimate for
// the worst case when a file is loaded, the second limits the real cost of an evaluation.
const (
	maxEstimate = 10_000_000
	maxCost     = 100_000
	// Sizes that the estimate assumes for values of a document.
	assumedElements = 100
	assumedLength   = 256
	// Limits that CEL's costs do not cover: the bytes of a text that a step reads, and the bytes of
	// a result.
	maxInput  = 8 << 10
	maxResult = 1 << 20
)

// language compiles the expressions of one resource type.
type language struct {
	env       *cel.Env
	variables map[string]string // URN by name; "" for the document itself
	groups    bool              // whether groupsVariable exists
}

// newLanguage declares the variables of a resource type. With groups it also declares the names of
// the user's groups.
func newLanguage(rt *scim.ResourceType, groups bool) (*language, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("CEL: %w", err)
	}
	p := &provider{Registry: registry, fields: map[string]map[string]*types.FieldType{}}
	l := &language{variables: map[string]string{resourceVariable: ""}, groups: groups}
	options := []cel.EnvOption{
		cel.CustomTypeProvider(p), cel.CustomTypeAdapter(registry), ext.Strings(),
		cel.Variable(resourceVariable, p.declare(resourceVariable, append(slices.Clone(rt.Schema.Attributes), rt.Attribute(scim.AttrExternalID)))),
	}
	for _, s := range rt.Extensions {
		if name := variableOf(s.Name); name != "" && name != groupsVariable && !l.has(name) {
			l.variables[name] = s.ID
			options = append(options, cel.Variable(name, p.declare(name, s.Attributes)))
		}
	}
	if groups {
		options = append(options, cel.Variable(groupsVariable, cel.ListType(cel.StringType)))
	}
	if l.env, err = cel.NewEnv(options...); err != nil {
		return nil, fmt.Errorf("CEL: %w", err)
	}
	return l, nil
}

func (l *language) has(name string) bool {
	_, ok := l.variables[name]
	return ok
}

var identifier = regexp.MustCompile(`^[a-z][A-Za-z0-9_]*$`)

// variableOf returns the variable of an extension, made from the name of its schema, or "" when the
// name gives no valid variable.
func variableOf(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	name = string(unicode.ToLower(first)) + name[min(size, len(name)):]
	if !identifier.MatchString(name) {
		return ""
	}
	return name
}

// provider tells CEL which attributes exist. Their values come from documents.
type provider struct {
	*types.Registry

	fields map[string]map[string]*types.FieldType // by the name of the type
}

// declare makes a type from attributes that an expression can read.
//
// The name of the type is not the path of the attribute, because CEL would mistake the path for the
// type.
func (p *provider) declare(path string, attributes []*scim.Attribute) *types.Type {
	name := "scim." + path
	fields := make(map[string]*types.FieldType, len(attributes))
	for _, a := range attributes {
		if a.Returned != scim.ReturnedNever && a.Name != scim.AttrGroups && a.Name != scim.AttrMembers {
			fields[a.Name] = p.field(path+"."+a.Name, a)
		}
	}
	p.fields[name] = fields
	return types.NewObjectType(name)
}

// field describes an attribute. Without a value the attribute has its zero value.
func (p *provider) field(path string, a *scim.Attribute) *types.FieldType {
	single, element := p.single(path, a)
	whole := element
	if a.MultiValued {
		whole = []any{}
	}
	f := &types.FieldType{
		Type: single,
		IsSet: func(target any) bool {
			object, _ := target.(map[string]any)
			return object[a.Name] != nil
		},
		GetFrom: func(target any) (any, error) {
			object, _ := target.(map[string]any)
			if object[a.Name] == nil {
				return whole, nil
			}
			return native(object[a.Name], element)
		},
	}
	if a.MultiValued {
		f.Type = types.NewListType(single)
	}
	return f
}

func (p *provider) single(path string, a *scim.Attribute) (*types.Type, any) {
	switch a.Type {
	case scim.TypeBoolean:
		return types.BoolType, false
	case scim.TypeInteger:
		return types.IntType, int64(0)
	case scim.TypeDecimal:
		return types.DoubleType, 0.0
	case scim.TypeComplex:
		return p.declare(path, a.SubAttributes), map[string]any{}
	default:
		return types.StringType, ""
	}
}

// errLong reports a text that is longer than any value that can be stored.
var errLong = fmt.Errorf("it reads a text of more than %d bytes", maxInput)

// native turns a value of a document into a value for CEL. zero is a value of the right type.
func native(value, zero any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil && zero != 0.0 {
			return i, nil
		}
		f, _ := v.Float64() // a number of JSON
		return f, nil
	case string:
		if len(v) > maxInput {
			return nil, errLong
		}
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			var err error
			if out[i], err = native(element, zero); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

// FindStructType implements types.Provider.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if p.fields[name] == nil {
		return p.Registry.FindStructType(name)
	}
	return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
}

// FindStructFieldNames implements types.Provider.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if p.fields[name] == nil {
		return p.Registry.FindStructFieldNames(name)
	}
	return slices.Sorted(maps.Keys(p.fields[name])), true
}

// FindStructFieldType implements types.Provider.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if p.fields[name] == nil {
		return p.Registry.FindStructFieldType(name, field)
	}
	f, ok := p.fields[name][field]
	return f, ok
}

// expression is a compiled expression.
type expression struct {
	program cel.Program
	name    string // for errors: the attribute or key of the expression
	text    string // as the file contains it
	groups  bool   // whether it reads the user's groups
}

// mentions reports whether an expression reads a variable.
func mentions(ast *cel.Ast, variable string) bool {
	for _, reference := range ast.NativeRep().ReferenceMap() {
		if reference.Name == variable {
			return true
		}
	}
	return false
}

// errExpression is why an expression cannot be used, with the place in the text.
type errExpression struct{ text string }

func (e errExpression) Error() string { return e.text }

// compile checks an expression. Its result must have the type want.
func (l *language) compile(name, text string, want *cel.Type) (*expression, error) {
	ast, issues := l.env.Compile(text)
	if issues != nil && issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, errExpression{fmt.Sprintf("at character %d of line %d: %s", first.Location.Column()+1, first.Location.Line(), first.Message)}
	}
	if !want.IsAssignableType(ast.OutputType()) {
		return nil, errExpression{fmt.Sprintf("gives a %s, but must give a %s", ast.OutputType(), want)}
	}
	estimate, err := l.env.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, errExpression{err.Error()}
	}
	if estimate.Max > maxEstimate {
		return nil, errExpression{"may cost " + strconv.FormatUint(estimate.Max, 10) + " steps, more than " + strconv.Itoa(maxEstimate)}
	}
	program, err := l.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, errExpression{err.Error()}
	}
	return &expression{program: program, name: name, text: text, groups: mentions(ast, groupsVariable)}, nil
}

// sizes are the sizes that the estimate assumes.
type sizes struct{}

// EstimateSize implements cost.Estimator.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if len(node.Path()) == 0 {
		return nil
	}
	if node.Type().Kind() == types.ListKind {
		return &cost.SizeEstimate{Max: assumedElements}
	}
	return &cost.SizeEstimate{Max: assumedLength}
}

// EstimateCallCost implements cost.Estimator with CEL's own estimate.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// activation returns what the expressions see of one document. If the language has groupsVariable,
// it includes the names of the user's groups.
func (l *language) activation(doc scim.Document, groups []string) (interpreter.Activation, error) {
	values := make(map[string]any, len(l.variables)+1)
	if l.groups {
		values[groupsVariable] = groups
	}
	for name, urn := range l.variables {
		object := map[string]any(doc)
		if urn != "" {
			if object = doc.Object(urn); object == nil {
				object = map[string]any{}
			}
		}
		values[name] = object
	}
	return interpreter.NewActivation(values)
}

// evaluate computes the expression. A failure is a *scim.Error with InvalidValue that
// names the rule.
func (e *expression) evaluate(in interpreter.Activation) (any, error) {
	out, _, err := e.program.Eval(in)
	if err == nil {
		value, size := fromCEL(out), 0
		for _, element := range filter.Elements(value) {
			text, _ := element.(string)
			size += len(text)
		}
		if size <= maxResult {
			return value, nil
		}
		err = fmt.Errorf("it gives more than %d bytes", maxResult)
	}
	return nil, scim.BadRequest(code.RuleFails, scim.InvalidValue, "the mapping's rule for %s cannot be computed from this resource: %s", e.name, reason(err))
}

// reason returns the text of a CEL error without its numbers.
func reason(err error) string {
	if _, ok := errors.AsType[interpreter.EvalCancelledError](err); ok {
		return "it takes too many steps"
	}
	return strings.TrimPrefix(err.Error(), "evaluation error: ")
}

// fromCEL turns a result into a value of a document, nil for an empty result.
func fromCEL(value ref.Val) any {
	switch v := value.Value().(type) {
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	case string, bool:
		if v == "" {
			return nil
		}
		return v
	case []ref.Val:
		return elements(len(v), func(i int) ref.Val { return v[i] })
	}
	if list, ok := value.(interface {
		Get(ref.Val) ref.Val
		Size() ref.Val
	}); ok {
		size, _ := list.Size().Value().(int64)
		return elements(int(size), func(i int) ref.Val { return list.Get(types.Int(i)) })
	}
	return nil
}

func elements(n int, at func(int) ref.Val) any {
	out := make([]any, 0, n)
	for i := range n {
		if v := fromCEL(at(i)); v != nil {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// celType returns the type that an expression for an attribute must have, or nil when no expression
// can give the attribute.
func celType(a *scim.Attribute) *cel.Type {
	single := cel.StringType
	switch a.Type {
	case scim.TypeComplex:
		return nil
	case scim.TypeBoolean:
		single = cel.BoolType
	case scim.TypeInteger:
		single = cel.IntType
	case scim.TypeDecimal:
		single = cel.DoubleType
	default:
	}
	if a.MultiValued {
		return cel.ListType(single)
	}
	return single
}
