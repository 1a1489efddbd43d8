"""Every text that is not a model is refused, with the line and the place marked, and with what was expected."""

import re

import pytest

from pyspikenet.equations import translate

# In the first string ¦ stands before the character that must be marked; it is the text itself, or `argument: text` of a
# model that is right otherwise. The second is what the message says.
LEAK = "dv/dt = (E_L - v)/tau : mV"
GIVEN = {"E_L": "-70*mV", "tau": "10*ms"}
TEXTS = [
    # names
    ("dv/dt = (¦E_l - v)/tau : mV", r"unknown name 'E_l'; did you mean E_L\? known: E_L, I, t, tau, v"),
    ("dv/dt = ¦nothing/tau : mV", "unknown name 'nothing'; known: E_L, I, t, tau, v"),
    ("dv/dt = (E_L - v)/¦s : mV", "unknown name 's'; the unit is written second"),
    ("dv/dt = ¦exp/tau : mV", r"exp is a function: write exp\(...\)"),
    ("dv/dt = ¦rand()/tau : mV", "unknown function 'rand'"),
    ("dv/dt = ¦foo(v)/tau : mV", "unknown function 'foo'; known: abs, clip, cos, exp, expm1, exprel"),
    ("dv/dt = ¦sqr(v)/tau : mV", "unknown function 'sqr'; did you mean sqrt"),
    ("dv/dt = ¦v(t)/tau : mV", r"v is not a function; write \* to multiply"),
    ("dv/dt = (E_L - v)/tau + ¦__import__ : mV", "'_' is not arithmetic"),
    # not arithmetic
    ("dv/dt = (E_L - v¦[0])/tau : mV", r"'\[' is not arithmetic; indices and lists are not known"),
    ("dv/dt = (E_L - v¦.real)/tau : mV", "'.' belongs into numbers only"),
    ("dv/dt = ¦'text' : mV", "a string is not arithmetic"),
    ("dv/dt = (E_L - v) ¦% tau : mV", "'%' is not arithmetic"),
    ("dv/dt = (E_L - v)¦//tau : mV", "'//' is not known"),
    ("dv/dt = v ¦if v else 0 : mV", "'if' is not known here"),
    ("dv/dt = ¦lambda : mV", "'lambda' is not known here"),
    ("dv/dt = v ¦and v : mV", "'and' is not known here"),
    ("dv/dt = ¦not v : mV", "'not' is not known here"),
    ("dv/dt = (v ¦> E_L)*mV/ms : mV", "'>' cannot stand here: a comparison stands in threshold only"),
    ("dv/dt = (v ¦== E_L)*mV/ms : mV", "'==' cannot stand here"),
    ("dv/dt = max(v, key¦=v)/tau : mV", "'=' cannot stand in an expression"),
    ("dv/dt = max(¦*v)/tau : mV", r"expected a number, a name or '\(' after '\(', got '\*'"),
    ("dv/dt = (E_L ¦− v)/tau : mV", "'−' is not an ASCII character"),
    ("dv/dt = (E_L - v)/(5*¦µs) : mV", "'µ' is not an ASCII character; write u for micro"),
    ("dv/dt = (E_L - v)¦`tau : mV", "'`' is not arithmetic"),
    ("dv/dt = {¦v} : mV".replace("{¦", "¦{"), "'{' is not arithmetic"),
    ("dv/dt = v¦; x = 3 : mV", "';' separates the statements of reset only"),
    # spelling
    ("dv/dt = 5¦mV/tau : mV", r"expected an operator before 'mV'; write 5\*mV"),
    ("dv/dt = 1e¦x/tau : mV".replace("1e¦", "1¦e"), r"expected an operator before 'ex'; write 1\*ex"),
    ("dv/dt = 0¦x10*mV/tau : mV", "expected an operator before 'x10'"),
    ("dv/dt = 5¦j*mV/tau : mV", "expected an operator before 'j'"),
    ("dv/dt = 1¦_000*mV/tau : mV", "'_' is not arithmetic"),
    ("dv/dt = 1.2¦.3*mV/tau : mV", "expected an operator before '.3'"),
    ("dv/dt = ¦007*mV/tau : mV", "cannot be read"),
    ("dv/dt = (E_L ¦v)/tau : mV", "expected an operator before 'v'"),
    ("dv/dt = 2¦(E_L - v)/tau : mV", r"expected an operator before '\('; write \* to multiply"),
    ("dv/dt = ¦(E_L - v/tau : mV", r"this '\(' is not closed"),
    ("dv/dt = E_L - v¦)/tau : mV", r"this '\)' closes nothing"),
    ("dv/dt = (E_L - ¦)/tau : mV", r"expected a number, a name or '\(' after '-', got '\)'"),
    ("dv/dt = (¦)/tau : mV", r"expected a value between \( and \)"),
    ("dv/dt = (E_L - v)/ ¦* tau : mV", r"expected a number, a name or '\(' after '/', got '\*'"),
    ("dv/dt = (E_L - v¦, v)/tau : mV", "',' separates the values of a function only"),
    ("dv/dt = (E_L - v)/¦ : mV", "expected a value after '/'"),
    ("dv/dt =  ¦: mV", "expected an expression"),
    ("dv/dt = ¦1e999*mV/ms : mV", "the number is too large"),
    ("dv/dt = ¦1e300*mV*1e300/ms : mV", "the number is too large"),
    ("dv/dt = v/¦0 : mV", "division by zero"),
    ("dv/dt = v*¦0**-1/ms : mV".replace("¦0**-1", "0**¦-1"), "a power of zero must have a positive exponent"),
    # how many values
    ("dv/dt = E_L*¦exp(v, v)/tau : mV", "exp takes one value, got 2"),
    ("dv/dt = ¦exp()*E_L/tau : mV", "exp takes one value, got 0"),
    ("dv/dt = ¦max(v)/tau : mV", "max takes two or more values, got 1"),
    ("dv/dt = ¦clip(v, E_L)/tau : mV", "clip takes three values, got 2"),
    # dimensions
    ("dv/dt = ¦E_L - v : mV", "dv/dt has the unit mV/ms but the expression has the unit mV"),
    ("dv/dt = ¦I : mV", "dv/dt has the unit mV/ms but the expression has the unit pA"),
    ("dv/dt = ¦1 : 1", "dv/dt has the unit 1/ms but the expression has the unit 1"),
    ("dv/dt = (E_L - ¦tau)/ms : mV", "a value of unit ms cannot be subtracted from one of unit mV"),
    ("dv/dt = (E_L + ¦1)/ms : mV", "a value of unit 1 cannot be added to one of unit mV"),
    ("dv/dt = mV*exp(¦v)/tau : mV", "exp needs a value without unit, this one has mV"),
    ("dv/dt = mV*sigmoid(v/¦mV*ms)/tau : mV".replace("v/¦", "¦v/"), "sigmoid needs a value without unit"),
    ("dv/dt = max(E_L, ¦tau)/tau : mV", "the values of max must have the same unit, got mV and ms"),
    ("dv/dt = clip(v, 0, ¦1)/tau : mV", "the values of clip must have the same unit, got mV and 1"),
    ("dv/dt = mV*2**¦v/tau : mV", "an exponent must have no unit, this one has mV"),
    ("dv/dt = v**(¦tau/ms)/ms : mV", "the exponent of a value of unit mV must be a fixed number"),
    ("dv/dt = v**¦99/ms : mV", "the exponent of a value with a unit must be from -12 to 12"),
    ("dv/dt = (E_L - v)/tau : mV\nx = ¦v : ms", "x has the unit ms but the expression has the unit mV"),
    ("dv/dt = (E_L - v)/tau + ¦xi*mV : mV", r"a value of unit mV/ms\*\*\(1/2\) cannot be added to one of unit mV/ms"),
    # units
    ("dv/dt = (E_L - v)/tau : ¦milivolt", "unknown unit 'milivolt'; did you mean millivolt"),
    ("dv/dt = (E_L - v)/tau : ¦boolean", "variables of the kind 'boolean' are not known"),
    ("dv/dt = (E_L - v)/tau : ¦2", "expected a unit such as mV"),
    ("dv/dt = (E_L - v)/tau : ¦mV + 1", "expected a unit such as mV"),
    ("dv/dt = (E_L - v)/tau : ¦degC", "unknown unit 'degC'"),
    ("dv/dt = (E_L - v)/tau : mV**¦99", "the exponent of a unit must be a number from -12 to 12"),
    ("dv/dt = (E_L - v)/tau : mV**¦x", "unknown name 'x'; known: numbers and units only"),
    ("dv/dt = (E_L - v)/tau :¦", "expected a unit; 1 where there is none"),
    ("dv/dt = (E_L - v)/tau¦", "expected ': unit' after the expression"),
    ("dv/dt = (E_L - v)/tau : mV ¦: mV", "':' comes before the unit, once"),
    # statements
    ("v =¦ ", "expected ': unit'"),
    ("dv = (E_L - v)/tau¦", "expected ': unit'"),
    ("¦hello", "expected 'dx/dt = expression : unit', 'x = expression : unit' or 'x : unit'"),
    ("¦d2v/dt2 = v : mV", "expected 'dx/dt = expression : unit'"),
    ("¦x = 3*mV : mV", "expected at least one differential equation"),
    ("¦", "expected at least one differential equation"),
    ("dv/dt = (E_L - v)/tau : mV (¦unless)", r"unknown flag 'unless'; a differential equation may have \(unless refr"),
    (
        "dv/dt = (E_L - v)/tau : mV\nx = v : mV (¦unless refractory)",
        "unknown flag 'unless refractory'; a subexpression",
    ),
    ("dv/dt = (E_L - v)/tau : mV\ntau : ms (constant, ¦shared)", "unknown flag 'shared'; a parameter may have"),
    ("dv/dt = (E_L - v)/tau : mV\n¦dv/dt = v/tau : mV", "v is defined twice, first in line 1"),
    ("dv/dt = (E_L - v)/tau : mV\n\n¦v : mV", "v is defined twice, first in line 1"),
    ("dv/dt = -x/ms : mV\n¦x = y : mV\ny = x : mV", "depends on itself: x -> y -> x"),
    ("dv/dt = -x/ms : mV\n¦x = x : mV", "x depends on itself: x -> x"),
    ("dv/dt = (E_L - v)/tau : mV\n¦g : nS", r"g has no value: give parameters=\{'g': ...\}"),
    ("d¦mV/dt = 3/ms : 1", "mV is a unit; choose another name"),
    ("d¦t/dt = 3 : ms", "t means time; choose another name"),
    ("d¦time/dt = 3 : ms", "time means something else in datasets; choose another name"),
    ("dv/dt = (E_L - v)/tau : mV\n¦exp = 3 : 1", "exp is a function; choose another name"),
    ("dv/dt = (E_L - v)/tau : mV\n¦xi_2 = 3 : 1", "xi_2 means white noise; choose another name"),
    ("dv/dt = (E_L - v)/tau : mV\na, ¦end : 1", "end is a reserved word; choose another name"),
    ("dv/dt = (E_L - v)/tau : mV\n¦pi : 1", "pi is a constant; choose another name"),
    # noise
    ("dv/dt = xi*¦xi*mV : mV", "white noise must enter linearly: xi is multiplied by xi"),
    ("dv/dt = mV*sqrt(¦xi*ms**-1.5) : mV", r"white noise must enter linearly: xi stands inside sqrt\(...\)"),
    ("dv/dt = mV/ms/(1 + ¦xi_a*ms**0.5) : mV", "white noise must enter linearly: xi_a stands below /"),
    ("dv/dt = mV*¦xi**2 : mV", "white noise must enter linearly: xi stands in a power"),
    ("dv/dt = mV*x*¦xi : mV\nx = xi : ms**-0.5", "white noise must enter linearly: xi is multiplied by x"),
    # threshold
    ("threshold: ¦v", r"expected a comparison such as v > -40\*mV"),
    ("threshold: v > ¦-40", "a value of unit mV cannot be compared with one of unit 1"),
    ("threshold: v ¦== E_L", "'==' cannot stand here: expected one of > >= < <="),
    ("threshold: E_L < v < ¦tau", "expected one comparison, not a chain of them"),
    ("threshold: (¦v > E_L)*1 > 0", "a comparison cannot be part of an expression"),
    ("threshold: v > E_L ¦or v > 0", "'or' is not known here"),
    ("threshold: ¦t > tau", "t cannot stand here: it acts in differential equations only"),
    ("threshold: ¦I > 0", "I cannot stand here: it acts in differential equations only"),
    ("threshold: ¦xi > 0", "xi cannot stand here"),
    ("threshold: v > ¦E", "unknown name 'E'"),
    # reset
    ("reset: ¦v", r"expected an assignment such as v = -70\*mV"),
    ("reset: ¦v == E_L", "expected an assignment"),
    ("reset: ¦E_L = 3*mV", "E_L is not a variable, expected one of v"),
    ("reset: ¦dv/dt = 3*mV", "expected an assignment"),
    ("reset: v = ¦3", "v has the unit mV but the expression has the unit 1"),
    ("reset: v = E_L; v += ¦tau", "v has the unit mV but the expression has the unit ms"),
    ("reset: v *= ¦v", "the factor of v has the unit 1 but the expression has the unit mV"),
    ("reset: v = E_L\nv = ¦u", "unknown name 'u'"),
    ("reset: v = E_L ¦> v", "'>' cannot stand here"),
    # values
    ("refractory: ¦2*mV", "a refractory period has the unit ms but the expression has the unit mV"),
    ("refractory: ¦tau", "unknown name 'tau'; known: numbers and units only"),
    ("parameters['tau']: ¦10*mV", "tau has the unit ms but the expression has the unit mV"),
    ("parameters['tau']: 10*¦E_L", "unknown name 'E_L'"),
    ("parameters['tau']: 10*ms + ¦v", "unknown name 'v'"),
    ("initial['v']: ¦3*ms", "v has the unit mV but the expression has the unit ms"),
    ("initial['v']: E_L + ¦v", "unknown name 'v'"),
    ("parameter_units['E_L']: ¦volts*3", "unknown unit 'volts'; did you mean"),
]


@pytest.mark.parametrize(("text", "message"), TEXTS, ids=[re.sub(r"\s+", " ", text) for text, _ in TEXTS])
def test_text_is_refused_with_its_place_marked(text, message, marked):
    arguments = {"text": LEAK, "parameters": GIVEN, "threshold": "v > 0*mV"}
    label, colon, rest = text.partition(": ")
    if colon and re.fullmatch(r"threshold|reset|refractory|\w+\['\w+'\]", label):
        wrong, line, column = marked(rest)
        argument, _, key = label.rstrip("']").partition("['")
        arguments[argument] = wrong if not key else {**arguments.get(argument, {}), key: wrong}
        if label == "parameters['tau']":
            arguments["text"] += "\ntau : ms"
        if label == "parameter_units['E_L']":
            arguments["parameters"] = GIVEN | {"E_L": 3.0}
    else:
        label = "equations"
        wrong, line, column = marked(text)
        arguments["text"] = wrong
    with pytest.raises(ValueError, match=message) as caught:
        translate(**arguments)
    head, _, caret = str(caught.value).split("\n")
    assert head.startswith(f"{label}{f', line {line}' if line else ''}: ")
    assert caret == "    " + " " * column + "^"
    shown = str(caught.value).split("\n")[1]
    assert shown.strip() == (wrong.split("\n")[line - 1] if line else wrong).strip()


MODEL = """
    dv/dt = (E_L - v + x)/tau : mV  # the membrane
    x = g*I : mV
    tau : ms
"""
REASONABLE = {"E_L": "-70*mV", "g": "1*GOhm", "tau": 10.0}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"text": 3}, TypeError, "equations must be text, got 3"),
        ({"text": "x" * 20_001}, ValueError, "equations must not be longer than 20000 characters, got 20001"),
        ({"threshold": 3.0}, TypeError, "threshold must be text, got 3.0"),
        ({"reset": None}, TypeError, "reset must be text, got None"),
        ({"method": "heun"}, ValueError, "method must be one of euler, .*, exact, got 'heun'"),
        ({"parameters": [3]}, TypeError, r"parameters must be a dict with names as keys, got \[3\]"),
        ({"parameters": {3: 4.0}}, TypeError, "parameters must be a dict with names as keys"),
        ({"receptors": "exc"}, TypeError, "receptors must be a dict"),
        ({"receptors": {"exc": "g_e"}}, ValueError, "receptors: 'g_e' is not a variable, expected one of v"),
        ({"receptors": {"exc": 3}}, ValueError, "receptors: 3 is not a variable"),
        ({"initial": {"x": 3.0}}, ValueError, "initial: 'x' is not a variable, expected one of v"),
        ({"initial": {"v": "1/0"}}, ValueError, "division by zero"),
        ({"initial": {"v": "exp(1000)*mV"}}, ValueError, r"initial\['v'\] must be a finite number, got inf"),
        ({"parameters": REASONABLE | {"tau": None}}, TypeError, r"parameters\['tau'\] must be"),
        (
            {"parameters": REASONABLE | {"tau": float("nan")}},
            ValueError,
            r"parameters\['tau'\] must be a finite number",
        ),
        ({"parameters": REASONABLE | {"tau": [[1.0]]}}, ValueError, r"parameters\['tau'\] must be one number or a 1-d"),
        ({"parameters": REASONABLE | {"tau": [1.0, None]}}, TypeError, r"parameters\['tau'\] must be numbers"),
        ({"parameters": REASONABLE | {"more": 3.0}}, ValueError, r"parameters\['more'\] is used nowhere"),
        ({"parameters": REASONABLE | {"v": 3.0}}, ValueError, r"parameters\['v'\]: v is a variable of the equations"),
        ({"parameters": REASONABLE | {"x": 3.0}}, ValueError, r"parameters\['x'\]: x is a subexpression"),
        ({"parameters": REASONABLE | {"a b": 3.0}}, ValueError, "must consist of letters, digits and _, got 'a b'"),
        ({"parameters": REASONABLE | {"mV": 3.0}}, ValueError, "mV is a unit; choose another name"),
        ({"parameters": REASONABLE | {"xi": 3.0}}, ValueError, "xi means white noise; choose another name"),
        (
            {"parameter_units": {"tau": "ms"}},
            ValueError,
            r"parameter_units\['tau'\]: tau has its unit in line 4 already",
        ),
        ({"parameter_units": {"v": "ms"}}, ValueError, r"parameter_units\['v'\]: v is a variable"),
        ({"parameter_units": {"w": "ms"}}, ValueError, r"parameter_units\['w'\]: w has no value, give parameters"),
        ({"parameter_units": {"E_L": 3}}, TypeError, r"parameter_units\['E_L'\] must be text, got 3"),
        ({"refractory": -1.0}, ValueError, "refractory must be zero or positive, got -1.0"),
        ({"refractory": "-1*ms"}, ValueError, "refractory must be zero or positive, got -1.0"),
        ({"refractory": None}, TypeError, "refractory must be a number, got None"),
        ({"parameters": REASONABLE | {"E_L": -70.0}}, ValueError, r"\(E_L: no unit given, see parameter_units=\)"),
    ],
)
def test_argument_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        translate(**({"text": MODEL, "parameters": REASONABLE} | changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dv/dt = -v**¦2/(mV*ms) : mV", 'method="exact" is for linear equations: v stands in a power'),
        ("dv/dt = -v/ms : mV\ndw/dt = w*¦v/(mV*ms) : 1", "v is multiplied by w"),
        ("dv/dt = -v/ms + mV*exp(¦v/mV)/ms : mV", r"v stands inside exp\(...\)"),
        ("dv/dt = -x/ms : mV\nx = v/(1*mV + ¦v)*mV : mV", "v stands below /"),
        ("dv/dt = -v/ms + v*¦I/(pA*ms) : mV", "I is multiplied by v"),
        ("dv/dt = -v/ms + mV*¦xi*ms**-0.5 : mV", "not for equations with white noise; choose another method"),
        ("dv/dt = -v/ms + mV*sin(¦t/ms)/ms : mV", "not for equations that depend on time; choose another method"),
    ],
)
def test_exact_is_for_linear_equations(text, message, marked):
    text, line, column = marked(text.replace("**¦2", "¦**2") if "¦2" in text else text)
    with pytest.raises(ValueError, match=message) as caught:
        translate(text, method="exact")
    assert str(caught.value).endswith("\n    " + " " * column + "^") or "power" in message
    assert line is None or f"line {line}" in str(caught.value)


def test_exact_takes_linear_equations_with_parameters_and_other_uses_of_nonlinear_subexpressions():
    translate(
        """dv/dt = (E_L - v + R*I - w*GOhm)/tau : mV
           dw/dt = (a*x - w)/tau : pA
           x = v - E_L : mV
           size = abs(v) : mV""",
        threshold="size > 3*mV",
        parameters={"E_L": "-70*mV", "R": "1*GOhm", "tau": [1.0, 2.0], "a": "2*nS"},
        parameter_units={"tau": "ms"},
        method="exact",
    )


def test_a_text_is_never_deep_enough_to_break_the_parser():
    for text in (
        "(" * 5000 + "v" + ")" * 5000,
        "-" * 5000 + "v",
        "+".join(["v"] * 5000),
        "exp(" * 3000 + "v" + ")" * 3000,
    ):
        with pytest.raises(ValueError, match=r"deep|brackets"):
            translate(f"dv/dt = {text} : 1")


def test_long_lines_are_shown_around_the_place():
    with pytest.raises(ValueError, match="unknown name 'wrong'") as caught:
        translate("dv/dt = (" + "v + " * 60 + "wrong + " + "v + " * 50 + "v)/ms : mV")
    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 150
    assert shown[caret.index("^") :].startswith("wrong")
